"""Files that are nowhere to be had as they are, made here out of others, each byte known beforehand."""
