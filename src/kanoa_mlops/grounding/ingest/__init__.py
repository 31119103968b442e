"""Files to documents, and a folder to a collection that mirrors it.

`file_reader` reads one file, `mirror` a folder, `watch` follows it; `vectors` embeds what was read, and
`figures` describes figures. Nothing is imported here: what reads files starts with as little as it needs.
"""
