"""store.py: each kind of store has its own group."""

from __future__ import annotations

from dataclasses import fields

from debugcapture.settings.store import KINDS, StoreSettings


def test_each_kind_of_store_has_a_separate_group_of_settings() -> None:
    for group in [kind.settings for kind in KINDS if kind.settings]:
        names = [field.name for field in fields(group)]  # type: ignore[arg-type]
        assert all(name.startswith(names[0].partition("_")[0]) for name in names)
    common = [field.name for field in fields(StoreSettings) if "_" in field.name]
    assert [name for name in common if not name.startswith("link_")] == []
