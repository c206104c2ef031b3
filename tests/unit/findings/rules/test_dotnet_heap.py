"""Histograms of the .NET heap: parsers/dotnet_heap.py and rules/dotnet_heap.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.findings.rules.dotnet import HEAD, findings
from tests.unit.hostile import FRAGMENTS, TEXT

MIB = 1 << 20
HEADINGS = "          bytes      objects  type\n"
# The report of dotnet-gcdump, from its documentation and source.
GCDUMP = """          6,456,296  GC Heap bytes
             22,231  GC Heap objects
             45,323  Total references

   Object Bytes     Count  Type
        131,096         1  System.Object[] (Bytes > 100K)  [System.Private.CoreLib.dll]
         36,000     1,500  Shop.Order  [Shop.dll]
"""
MARKS = (HEADINGS, "        1        1  A.B\n", "    ,    ,  (all)\n", "  9  9  (all)\n", "1,2 3,4  A.B  [x]\n")


def heap(*rows: tuple[int, int, str]) -> str:
    total = (sum(row[0] for row in rows), sum(row[1] for row in rows), "(all)")
    return HEAD + HEADINGS + "".join(f"{size:15} {objects:12}  {name}\n" for size, objects, name in (total, *rows))


def test_largest_types_are_named() -> None:
    text = heap(
        (41_928_158, 40_009, "System.Byte[]"), (1_851_896, 41_691, "System.String"), (1_600_000, 40_000, "Lab.Order")
    )
    (finding,) = findings(text)
    assert (finding.rule, finding.severity) == ("dotnet-heap-top", "info")
    assert finding.title == "The objects on the .NET heap use 43.3 MiB"
    assert "121700 objects. Largest types: System.Byte[] 40.0 MiB (40009)" in finding.detail
    assert "Types of the application: Lab.Order 1.5 MiB (40000)." in finding.detail


def test_a_type_that_fills_a_large_heap() -> None:
    first, _ = findings(heap((200 * MIB, 9_000, "Shop.Order"), (100 * MIB, 8, "System.Byte[]")))
    assert (first.rule, first.severity) == ("dotnet-type-fills-heap", "warning")
    assert first.title == "9000 objects of Shop.Order fill 67% of the .NET heap"


def test_small_heaps_and_types_of_the_library_are_healthy() -> None:
    small = heap((20 * MIB, 9_000, "Shop.Order"))
    library = heap((300 * MIB, 9_000, "System.Byte[]"), (20 * MIB, 8, "Shop.Order"))
    for text in (small, library):
        assert [finding.rule for finding in findings(text)] == ["dotnet-heap-top"]


def test_report_of_dotnet_gcdump() -> None:
    (finding,) = findings(GCDUMP)
    assert "Largest types: System.Object[] 128.0 KiB (1), Shop.Order 35.2 KiB (1500)." in finding.detail


def test_an_empty_heap_has_no_finding() -> None:
    assert findings(HEAD + HEADINGS) == []


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    for finding in findings(HEADINGS + text):
        assert finding.title
