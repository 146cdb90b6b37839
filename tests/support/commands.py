"""The commands in processes of their own."""

from __future__ import annotations

import sys


def command(name: str, *words: str) -> list[str]:
    """What starts a command: `ablate`, `report` or `predict`."""
    module = f"lenet_ablate.{'cli' if name == 'ablate' else name}.main"
    code = f"import sys; from {module} import main; sys.argv[0] = 'lenet-{name}'; sys.exit(main())"
    return [sys.executable, "-c", code, *words]
