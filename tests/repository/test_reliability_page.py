"""The page with the counts of the tests."""

from tools.reliability_page import page


def test_the_page_has_a_line_per_test_with_its_counts_under_what_its_file_is_about():
    counted = {
        "test_a_disk_is_full[first]": {
            "file": "tests/faults/test_full_disk.py",
            "counts": {"stages": 11, "lost": 0},
            "seconds": 1200,
        },
        "test_b": {"file": "tests/faults/test_audit.py", "counts": {"calls": 123456}, "seconds": 3},
    }
    made = page(counted)
    audit, disk = made.index("tests/faults/test_audit.py"), made.index("tests/faults/test_full_disk.py")
    assert audit < made.index("| b | 123,456 calls | 3 s |") < disk
    assert disk < made.index("| a disk is full (first) | 11 stages, 0 lost | 1,200 s |")


def test_the_page_begins_with_what_all_tests_counted_together():
    kills = {"kills": 20, "finished networks lost": 0, "seconds at most to recover": 17}
    counts = [{"tried": 60, "good": 20, "refused": 40}, {"tried": 1000}, kills, {"kills": 2, "seconds to recover": 34}]
    made = page(
        {
            f"test_{n}": {"file": "tests/faults/test_audit.py", "counts": counted, "seconds": 1}
            for n, counted in enumerate(counts)
        }
    )
    assert "In all: 1,060 inputs tried by fuzzing, 22 kills, " in made
    assert "0 finished networks lost, 34 seconds at most to recover." in made
