"""What the texts of a figure are: titles, axes with ticks, legends, notes. Pure: fragments in, text out."""

from kanoa_mlops.gateway.layout.arrange import arrange
from kanoa_mlops.gateway.layout.parts import Axis, Figure, Fragment, Frame, Note, Panel
from kanoa_mlops.gateway.layout.text import BLANK, SEEN, describe

__all__ = ["BLANK", "SEEN", "Axis", "Figure", "Fragment", "Frame", "Note", "Panel", "arrange", "describe"]
