"""How well `lenet-predict` reads a folder of labelled pictures: kind by kind, and what of it is lost without a word.

    python benchmarks/handwriting.py outputs/<study>/<run> pictures/ --wrong

The folder holds the pictures and a `labels.csv` with the columns `picture`, `labels` and `kind`. A label has the digits
as they stand, rows divided by `|`; what is neither is a sign or a letter. Nothing here is trained on.

Of each kind: digits that are read rightly (the longest common subsequence of what is written and what is read), digits
that are sure and wrong, digits that are lost, digits lost in pictures of which all that was said is sure, pictures with
several rows of which the digits are right, and of these in the order in which they stand.
"""

from __future__ import annotations
