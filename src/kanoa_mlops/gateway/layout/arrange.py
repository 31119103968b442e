"""What each text of a figure is. Nothing read is dropped: what has no place is listed as other text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

from kanoa_mlops.gateway.layout.draft import Draft, bar_axis, joined_lines, legend_place, note
from kanoa_mlops.gateway.layout.geometry import aligned, apart, area, larger, overlap, place_in
from kanoa_mlops.gateway.layout.parts import Figure, Fragment, Frame, Note, Panel
from kanoa_mlops.gateway.layout.scale import Scale, find_scales, parse_number, step


def arrange(
    fragments: Sequence[Fragment], width: float, height: float, frames: Sequence[Frame] = ()
) -> Figure:
    """The figure these texts make, in a picture of this many pixels.

    `frames` are rectangles drawn in the picture, as around axes and legends. They help and are not needed.
    """
    texts = [_tidied(each) for each in fragments if each.text.strip()]
    if not texts:
        return Figure()
    return _Arrangement(texts, Frame(0, 0, width, height), list(frames)).figure()


_TOP_FACTOR = re.compile(r"([x\u00d7]?10\^-?\d+|[x\u00d7]?1e[-+]?\d+)?([-+]\d[\d.e+-]*)?")


class _Arrangement:
    """Gives every text its place; each step takes from `rest` what it understands."""

    def __init__(self, texts: list[Fragment], picture: Frame, frames: list[Frame]) -> None:
        self.rest = texts
        self.picture = picture
        self.frames = frames
        self.size = median(min(each.width, each.height) for each in texts)
        self.drafts: list[Draft] = []
        self.titles: list[Fragment] = []

    def figure(self) -> Figure:
        self._place_scales()
        self._place_categories()
        self._join_colour_bars()
        self._place_factors()
        self._place_labels()
        self._place_titles()
        self._place_insides()
        self._place_outer_legends()
        panels = sorted(
            self.drafts, key=lambda each: (round(each.frame.top / (4 * self.size)), each.frame.left)
        )
        others = sorted(self.rest, key=lambda each: (round(each.y / self.size), each.x))
        return Figure(
            joined_lines(self.titles, self.size),
            tuple(self._panel(each) for each in panels),
            tuple(Note(each.text, place_in(each, self.picture)) for each in others),
        )

    def _take(self, texts: Iterable[Fragment]) -> list[Fragment]:
        # By place, as a tick's sign may have been repaired.
        taken = list(texts)
        places = {(each.left, each.top) for each in taken}
        self.rest = [each for each in self.rest if (each.left, each.top) not in places]
        return taken

    # Frames, and the scales beside them

    def _place_scales(self) -> None:
        scales = find_scales(self.rest, self.size)
        drafts = [Draft(frame) for frame in self.frames]
        left = self._beside(scales, drafts)
        outside = [each for each in left if not any(frame.holds(each.box) for frame in self.frames)]
        guessed = [Draft(frame) for frame in self._guessed(outside)]
        self._beside(outside, guessed)
        self.drafts = [each for each in drafts + guessed if self._is_panel(each, drafts)]
        self._take(
            item
            for draft in self.drafts
            for scale in (draft.x, draft.y, draft.right)
            if scale
            for item in scale.items
        )

    def _beside(self, scales: Sequence[Scale], drafts: Sequence[Draft]) -> list[Scale]:
        """Gives each scale to the nearest side of a frame that is free; returns those that found none."""
        offers = sorted(
            (
                (distance, number, draft, side)
                for number, scale in enumerate(scales)
                for draft in drafts
                for side, distance in self._distances(scale, draft.frame)
            ),
            # Between two panels ticks are the right one's: axes on the right are rare.
            key=lambda offer: offer[0] + (2 * self.size if offer[3] == "right" else 0),
        )
        placed: set[int] = set()
        for _, number, draft, side in offers:
            if number not in placed and getattr(draft, side) is None:
                setattr(draft, side, scales[number])
                placed.add(number)
        return [each for number, each in enumerate(scales) if number not in placed]

    def _distances(self, scale: Scale, frame: Frame) -> list[tuple[str, float]]:
        """How far the scale stands from the sides it could belong to, in pixels."""
        box = scale.box
        near, size = 3 * self.size, self.size
        if scale.is_row:
            spans = all(frame.left - size <= each.x <= frame.right + size for each in scale.items)
            sides = [("x", box.top - frame.bottom), ("x", frame.top - box.bottom)]
        else:
            spans = all(frame.top - size <= each.y <= frame.bottom + size for each in scale.items)
            sides = [("y", frame.left - box.right), ("right", box.left - frame.right)]
        return [(side, away) for side, away in sides if spans and -size / 2 <= away <= near]

    def _guessed(self, scales: Sequence[Scale]) -> list[Frame]:
        """Frames that nobody drew, from a column of ticks and the row below and right of it."""
        columns = [each for each in scales if not each.is_row]
        rows = [each for each in scales if each.is_row]
        frames: list[Frame] = []
        paired: list[Scale] = []
        for column in columns:
            below = [row for row in rows if row not in paired and self._is_corner(column, row)]
            if not below:
                continue
            row = min(
                below, key=lambda each: each.box.left - column.box.right + each.box.top - column.box.bottom
            )
            paired += [column, row]
            frames.append(self._between(column, row))
        for scale in scales:
            if len(scale.items) > 2 and scale not in paired and not self._is_right_of(scale, frames):
                frames.append(self._beyond(scale, frames))
        return frames

    def _is_corner(self, column: Scale, row: Scale) -> bool:
        if max(len(column.items), len(row.items)) < 3:
            return False
        down = row.box.y - column.items[0].y
        across = row.items[0].x - column.box.right
        return -self.size / 2 <= down <= max(
            1.3 * step(column), 4 * self.size
        ) and -self.size <= across <= max(1.3 * step(row), 6 * self.size)

    def _between(self, column: Scale, row: Scale) -> Frame:
        return Frame(
            column.box.right + self.size / 2,
            column.items[-1].y - min(step(column) / 2, self.size),
            row.items[-1].x + min(step(row) / 2, self.size),
            row.box.top - self.size / 2,
        )

    def _is_right_of(self, scale: Scale, frames: Sequence[Frame]) -> bool:
        return not scale.is_row and any(
            -self.size <= scale.box.left - each.right <= 3 * self.size
            and each.top <= scale.box.y <= each.bottom
            for each in frames
        )

    def _beyond(self, scale: Scale, frames: Sequence[Frame]) -> Frame:
        """Of an axis alone: as high as its neighbours, else as far as the picture goes, less its margin."""
        box, half = scale.box, step(scale) / 2
        if scale.is_row:
            bottom = box.top - self.size / 2
            tops = [each.top for each in frames if abs(each.bottom - bottom) < self.size]
            return Frame(box.left, min(tops, default=0.12 * self.picture.bottom), box.right, bottom)
        top, right = box.top - min(half, self.size), 0.9 * self.picture.right
        if box.right + 4 * self.size > right:
            return Frame(box.left - self.size - 1, top, box.left - self.size / 2, box.bottom)
        # The row of words under it ends it; the lowest tick may stand a step above.
        under = [each for each in self.rest if self.size < each.top - box.bottom < 2 * half + 3 * self.size]
        rows = aligned(under, lambda each: each.top, 0.5 * self.size)
        bottom = rows[0][0].top - self.size / 2 if rows else box.bottom
        return Frame(box.right + self.size / 2, top, right, bottom)

    def _is_panel(self, draft: Draft, drafts: Sequence[Draft]) -> bool:
        if draft.x or draft.y or draft.right:
            return True
        frame = draft.frame
        inner = any(
            each.frame.holds(frame) for each in drafts if each is not draft and larger(each.frame, frame)
        )
        # A legend beside the plot is framed too, and smaller than what has axes.
        known = [each.frame for each in drafts if each.x or each.y or each.right]
        return (
            self._is_large(frame) and not inner and not any(area(frame) < 0.4 * area(each) for each in known)
        )

    def _is_large(self, frame: Frame) -> bool:
        return frame.width > 0.15 * self.picture.width and frame.height > 0.15 * self.picture.height

    # Ticks that are words or dates

    def _place_categories(self) -> None:
        for draft in self.drafts:
            if draft.x is None:
                self._keep_categories(draft, "x", self._row_below(draft.frame))
            if draft.y is None:
                self._keep_categories(draft, "y", self._column_left(draft.frame))

    def _keep_categories(self, draft: Draft, side: str, texts: list[Fragment]) -> None:
        if len(texts) > 1:
            draft.categories[side] = self._take(texts)

    def _row_below(self, frame: Frame) -> list[Fragment]:
        near = [
            each
            for each in self._outside()
            if -self.size / 2 <= each.top - frame.bottom <= 3 * self.size
            and frame.left - self.size <= each.right
            and each.x <= frame.right + self.size
        ]
        rows = aligned(near, lambda each: each.top, 0.5 * self.size)
        return sorted(rows[0], key=lambda each: each.right) if rows else []

    def _column_left(self, frame: Frame) -> list[Fragment]:
        near = [
            each
            for each in self._outside()
            if -self.size / 2 <= frame.left - each.right <= 3 * self.size
            and frame.top <= each.y <= frame.bottom
            and not each.is_turned
        ]
        columns = aligned(near, lambda each: each.right, 0.5 * self.size)
        return sorted(columns[-1], key=lambda each: -each.y) if columns else []

    # Colour bars

    def _join_colour_bars(self) -> None:
        for bar in [each for each in self.drafts if self._is_bar(each)]:
            hosts = [each for each in self.drafts if each is not bar and not self._is_bar(each)]
            hosts = [each for each in hosts if each.bar is None and overlap(each.frame, bar.frame)]
            if hosts:
                host = min(hosts, key=lambda each: apart(each.frame, bar.frame))
                host.bar = bar
                self.drafts.remove(bar)

    def _is_bar(self, draft: Draft) -> bool:
        thin, long = sorted([draft.frame.width, draft.frame.height])
        return thin <= 3.5 * self.size and long > 5 * thin

    # Labels, titles and factors around the frames

    def _all(self) -> list[Draft]:
        return self.drafts + [each.bar for each in self.drafts if each.bar]

    def _place_factors(self) -> None:
        for text in list(self.rest):
            if not re.search(r"e|10\^|^[-+]", text.text) or not _TOP_FACTOR.fullmatch(
                text.text.replace(" ", "")
            ):
                continue
            for draft in self._all():
                side = self._factor_side(text, draft)
                if side and side not in draft.factors:
                    draft.factors[side] = text.text
                    self._take([text])
                    break

    def _factor_side(self, text: Fragment, draft: Draft) -> str:
        frame, near = draft.frame, 4 * self.size
        if 0 <= frame.top - text.y <= near:
            if abs(text.left - frame.left) < near and draft.y:
                return "y"
            return "right" if abs(text.right - frame.right) < near and draft.right else ""
        under = 0 <= text.top - draft.reach("x").bottom + self.size <= near
        return "x" if under and abs(text.right - frame.right) < near and draft.x else ""

    def _place_labels(self) -> None:
        offers: list[tuple[float, Fragment, Draft, str]] = []
        for text in self._outside():
            for draft in self._all():
                offers += [(away, text, draft, side) for side, away in self._label_sides(text, draft)]
        placed: list[Fragment] = []
        for away, text, draft, side in sorted(offers, key=lambda offer: offer[0]):
            if text in placed:
                continue
            present = draft.labels.get(side, [])
            # A second line of a label follows at once; anything further off is something else.
            if present and min(apart(text, each) for each in present) > 0.8 * self.size:
                continue
            if side == "title":
                if away <= 4 * self.size:
                    draft.titles.append(text)
                    placed.append(text)
                continue
            draft.labels.setdefault(side, []).append(text)
            placed.append(text)
        self._take(placed)

    def _outside(self) -> list[Fragment]:
        """What stands in no panel: a legend at the top of one is no label of the panel above."""
        return [each for each in self.rest if not any(draft.frame.holds(each) for draft in self.drafts)]

    def _label_sides(self, text: Fragment, draft: Draft) -> list[tuple[str, float]]:
        """The sides of this panel where the text could be a label, and how far it is from the ticks there."""
        frame, far = draft.frame, 5 * self.size
        sides: list[tuple[str, float]] = []
        if text.is_turned:
            if frame.top <= text.y <= frame.bottom:
                sides = [
                    ("y", draft.reach("y").left - text.right),
                    ("right", text.left - draft.reach("right").right),
                ]
        elif frame.left <= text.x <= frame.right:
            above = min(draft.reach("x").top, frame.top)
            sides = [("x", text.top - draft.reach("x").bottom), ("title", above - text.bottom)]
        return [(side, away) for side, away in sides if -self.size / 2 <= away <= far]

    def _place_titles(self) -> None:
        """With several panels, a line above all the others' titles is the figure's."""
        if len(self.drafts) > 1:
            highest = min(each.frame.top for each in self.drafts)
            for draft in self._all():
                if draft.frame.top <= highest + self.size:
                    self._raise_titles(draft)
        self._take_headlines()
        self.titles.sort(key=lambda each: each.y)

    def _raise_titles(self, draft: Draft) -> None:
        others = [text for each in self._all() if each is not draft for text in each.titles]
        for text in list(draft.titles):
            alone = all(abs(each.y - text.y) > self.size for each in others)
            over_others = any(each.y > text.y + self.size for each in [*others, *draft.titles])
            aside = abs(text.x - draft.frame.x) > 2 * self.size
            if alone and self._is_central(text) and (over_others or aside):
                draft.titles.remove(text)
                self.titles.append(text)

    def _take_headlines(self) -> None:
        highest = min((each.frame.top for each in self.drafts), default=0.0)
        above = [each for each in self.rest if each.bottom <= highest and not each.is_turned]
        self.titles += self._take(each for each in above if self._is_central(each))

    def _is_central(self, text: Fragment) -> bool:
        return abs(text.x - self.picture.x) < 0.15 * self.picture.width

    # Legends and notes

    def _place_insides(self) -> None:
        for draft in sorted(self.drafts, key=lambda each: each.frame.width * each.frame.height):
            inside = self._take(each for each in self.rest if draft.frame.holds(each))
            draft.legend = self._legend(inside, draft.frame)
            draft.notes = [each for each in inside if each not in draft.legend]

    def _legend(self, inside: Sequence[Fragment], frame: Frame) -> list[Fragment]:
        boxes = [each for each in self.frames if frame.holds(each) and larger(frame, each)]
        for box in boxes:
            held = [each for each in inside if box.holds(each)]
            if held and not any(parse_number(each.text) is not None for each in held):
                return sorted(held, key=lambda each: (round(each.left / (4 * self.size)), each.y))
        return self._entries(inside)

    def _entries(self, texts: Sequence[Fragment]) -> list[Fragment]:
        """The most words that share a left edge and stand one line below another."""
        words = [each for each in texts if parse_number(each.text) is None and not each.is_turned]
        best: list[Fragment] = []
        for column in aligned(words, lambda each: each.left, 0.4 * self.size):
            run: list[Fragment] = []
            for each in sorted(column, key=lambda each: each.y):
                run = [*run, each] if run and each.y - run[-1].y < 3 * self.size else [each]
                best = max(best, run, key=len)
        return best if len(best) > 1 else []

    def _place_outer_legends(self) -> None:
        for draft in self.drafts:
            if not draft.legend:
                right = [
                    each for each in self.rest if each.left >= draft.frame.right and draft.frame.top <= each.y
                ]
                draft.legend = self._take(self._entries(right))

    # The result

    def _panel(self, draft: Draft) -> Panel:
        return Panel(
            place=place_in(draft.frame, self.picture),
            titles=joined_lines(draft.titles, self.size),
            x=draft.axis("x"),
            y=draft.axis("y"),
            right=draft.axis("right"),
            colour_bar=bar_axis(draft.bar) if draft.bar else None,
            legend=tuple(each.text for each in draft.legend),
            legend_place=legend_place(draft),
            notes=tuple(note(each, draft) for each in sorted(draft.notes, key=lambda each: (each.y, each.x))),
        )


def _tidied(fragment: Fragment) -> Fragment:
    return replace(fragment, text=fragment.text.strip().replace("\u2212", "-"))
