from canforget.data.images import counting_reads, note_read


def test_a_count_within_a_count_ends_alone() -> None:
    """Counts that were equal at the end of the inner one took the outer one's place: it then counted no more."""
    with counting_reads() as outer:
        with counting_reads() as inner:
            note_read(3)
        note_read(4)
    assert (inner.number, outer.number) == (3, 7)
