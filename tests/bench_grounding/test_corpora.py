"""What others wrote is cut where they mean it."""

from __future__ import annotations

import gzip
from pathlib import Path

from bench.grounding.corpora.book_index import entries_of
from bench.grounding.corpora.gallery import written
from bench.grounding.corpora.manuals import read_page
from bench.grounding.corpora.pod import pod_sections
from bench.grounding.corpora.sections import sections


def test_a_section_is_its_own_text_without_its_heading_and_those_within(tmp_path: Path) -> None:
    page = tmp_path / "design.html"
    page.write_text(
        '<nav><h3>Contents</h3></nav><div class="toc"><h2>Why?</h2></div>'
        '<section id="a"><h2>2.1. Why?<a>¶</a></h2><p>Because.</p>'
        '<section id="b"><h3>And how?</h3><p>Like</p><p id="place">this.</p></section></section>'
        "<footer>Found a bug?</footer>"
    )
    found = [(each.ids, each.heading, each.text) for each in sections(page)]
    assert found == [(("a",), "Why?", "Because."), (("b", "place"), "And how?", "Like this.")]


def test_perls_documentation_is_cut_at_its_headings(tmp_path: Path) -> None:
    page = tmp_path / "perlfaq4.pod"
    page.write_text("=head1 DATA\n\n=head2 Why is C<int()> broken?\n\nSee L<perlop>, F<< a > b >>.\n\n=cut\n")
    found = [(each.heading, each.text) for each in pod_sections(page)]
    assert found == [("DATA", ""), ("Why is int() broken?", "See perlop, a > b.")]


def test_a_manual_page_is_the_line_on_it_and_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "fopen.3.gz"
    roff = (
        '.\\" Of 1991\n.TH fopen 3\n.SH NAME\nfopen, fdopen \\- stream open functions\n'
        ".SH DESCRIPTION\nThe\n.BR fopen ()\nfunction \\fIopens\\fP it.\n.SH SEE ALSO\n.BR open (2)\n"
    )
    page.write_bytes(gzip.compress(roff.encode()))
    assert read_page(page) == ("stream open functions", "The fopen () function opens it.")


def test_a_figure_says_what_its_code_writes_into_it() -> None:
    code = (
        "%matplotlib inline\nprint('nothing')\nax.set_title('Loss of %d' % n)\n"
        "plt.plot(x, label='train')\nax.set(xlabel='epoch')"
    )
    assert sorted(written(code)) == ["Loss of %d", "epoch", "train"]


def test_an_entry_of_an_index_sends_to_sections() -> None:
    index = (
        '<dt id="ientry-id1">array, <a class="indexterm" href="arrays.html">Arrays</a>, '
        '<a class="indexterm" href="sql.html#X">Values</a></dt><dt id="ientry-id2">::, '
        '<a class="indexterm" href="casts.html">Casts</a></dt>'
    )
    assert entries_of(index) == {"array": {"arrays.html", "sql.html#X"}}
