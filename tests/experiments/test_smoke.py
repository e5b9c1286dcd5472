"""Every experiment at smoke size."""

from __future__ import annotations

import pytest
from smoke import play_small

from joryu.experiments.catalogue import MODULES

#: those whose own tests look at what their smoke size made, and make it once
ELSEWHERE = {
    "leaf-phone": "test_leaf_phone.py",
    "unet-salt": "test_salt.py",
    "vision-clone": "test_cloned_api.py",
    "api-budget": "test_cloned_api.py",
    "screening": "test_cloned_api.py",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODULES if name not in ELSEWHERE])
def test_smoke(name: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> None:
    play_small(name, tmp_path_factory.getbasetemp() / "smoke" / name, capsys)  # siblings: one teacher serves them all
