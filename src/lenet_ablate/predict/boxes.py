"""Boxes around ink."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Rows top..bottom-1 and columns left..right-1 of a picture."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    def join(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def gap(self, other: Box) -> int:
        """How many pixels of paper lie between both along the axis where they are further apart; 0 if none."""
        down = max(self.top - other.bottom, other.top - self.bottom)
        across = max(self.left - other.right, other.left - self.right)
        return max(0, down, across)

    def is_above_or_below(self, other: Box) -> bool:
        """Whether most of the narrower one's columns are the other's too."""
        shared = min(self.right, other.right) - max(self.left, other.left)
        return 2 * shared > min(self.width, other.width)
