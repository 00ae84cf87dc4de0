"""The two challenge formats, byte for byte, and every reason for a refusal."""

import numpy as np
import pytest

from vibespeaker.submission.challenge import TEST_FILES, complaints, read_task2, task1_csv, task2_csv

NAMES = ("a.wav", "b.wav", "c.wav")
TASK1 = "FileName,EmoClass\na.wav,N\nb.wav,A\nc.wav,C\n"
TASK2 = "FileName,EmoAct,EmoVal,EmoDom\na.wav,1.0,2,3\nb.wav,4,5,6\nc.wav,7,7,7.000\n"


def test_test_files_are_the_published_3200():
    assert (len(TEST_FILES), TEST_FILES[0], TEST_FILES[-1]) == (
        3200,
        "MSP-PODCAST_test3_0001.wav",
        "MSP-PODCAST_test3_3200.wav",
    )
    assert list(TEST_FILES) == sorted(TEST_FILES)


def test_task1_is_sorted_by_name():
    assert task1_csv(["b.wav", "c.wav", "a.wav"], ["A", "C", "N"]) == TASK1


def test_task2_writes_arousal_valence_dominance_with_six_decimals():
    text = task2_csv(["b.wav", "a.wav"], np.array([[1.5, 2.5, 3.5], [7, 1, 4.1234567]]))
    assert text == (
        "FileName,EmoAct,EmoVal,EmoDom\na.wav,7.000000,1.000000,4.123457\nb.wav,1.500000,2.500000,3.500000\n"
    )


@pytest.mark.parametrize("text", [TASK1, TASK2, TASK1.replace("\n", "\r\n")])
def test_right_files_have_no_complaints(text):
    assert complaints(text.encode(), NAMES) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TASK1.replace("b.wav,A\n", ""), "1 files are missing (b.wav)"),
        (TASK1.replace("b.wav,A\n", ""), "there are 2 rows, not 3"),
        (TASK1 + "d.wav,N\n", "1 files are not in the test set (d.wav)"),
        (TASK1.replace("c.wav", "b.wav"), "1 files are repeated (b.wav)"),
        (TASK1.replace("b.wav,A", "b.wav,O"), "EmoClass is not one of A, S, H, U, F, D, C, N (line 3: 'O')"),
        (TASK1.replace("b.wav,A", "b.wav,a"), "EmoClass is not one of A, S, H, U, F, D, C, N (line 3: 'a')"),
        (TASK1.replace("b.wav,A", "b.wav,"), "EmoClass is not one of A, S, H, U, F, D, C, N (line 3: '')"),
        (TASK1.replace("b.wav,A", "b.wav"), "a row does not have 2 columns (line 3)"),
        (TASK1.replace("b.wav,A", "b.wav,A,1"), "a row does not have 2 columns (line 3)"),
        (TASK1.replace("b.wav,A", ""), "a row is empty (line 3)"),
        (
            "FileName,EmoClass\nb.wav,A\na.wav,N\nc.wav,C\n",
            "rows are not sorted by file name (first out of order: a.wav)",
        ),
        (TASK1.replace(",", ";"), "columns are separated by semicolons, not commas"),
        (TASK1.replace(",", "\t"), "columns are separated by tabs, not commas"),
        ("\ufeff" + TASK1, "the file starts with a byte order mark"),
        ("", "the file is empty"),
        (TASK2.replace("4,5,6", "4,nan,6"), "EmoVal is not finite (line 3: 'nan')"),
        (TASK2.replace("4,5,6", "4,5,inf"), "EmoDom is not finite (line 3: 'inf')"),
        (TASK2.replace("4,5,6", "0.99,5,6"), "EmoAct is outside 1 to 7 (line 3: '0.99')"),
        (TASK2.replace("4,5,6", "4,5,7.01"), "EmoDom is outside 1 to 7 (line 3: '7.01')"),
        (TASK2.replace("4,5,6", "4,five,6"), "EmoVal is not a number (line 3: 'five')"),
        (TASK2.replace("4,5,6", "4,0_5,6"), "EmoVal is not a number (line 3: '0_5')"),
        (TASK2.replace("4,5,6", '"4,0",5,6'), "EmoAct is not a number (line 3: '4,0')"),
        (TASK2.replace("4,5,6", "4,,6"), "EmoVal is not a number (line 3: '')"),
    ],
)
def test_every_fault_is_named(text, reason):
    assert reason in complaints(text.encode(), NAMES)


def test_swapped_columns_are_refused():
    (reason,) = complaints(TASK2.replace("EmoVal,EmoDom", "EmoDom,EmoVal").encode(), NAMES)
    assert "'FileName,EmoAct,EmoDom,EmoVal', not FileName,EmoClass (task 1) or FileName,EmoAct,EmoVal,EmoDom" in reason


def test_long_lists_are_counted():
    (missing, rows) = complaints(b"FileName,EmoClass\n", TEST_FILES)
    assert missing.startswith("3200 files are missing (MSP-PODCAST_test3_0001.wav, ")
    assert missing.endswith("MSP-PODCAST_test3_0005.wav and 3195 more)")
    assert rows == "there are 0 rows, not 3200"


def test_other_encodings_are_refused():
    assert "not UTF-8" in complaints(TASK1.encode("utf-16"), NAMES)[0]


def test_read_task2_returns_the_attributes_in_our_order_whatever_the_row_order():
    read = read_task2(b"FileName,EmoAct,EmoVal,EmoDom\nb.wav,1,2,3\na.wav,4,5,6\n")
    assert {name: values.tolist() for name, values in read.items()} == {"a.wav": [4, 5, 6], "b.wav": [1, 2, 3]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TASK1, "the header is not FileName,EmoAct,EmoVal,EmoDom"),
        (TASK2.replace("b.wav", "a.wav"), r"1 files are repeated \(a.wav\)"),
        (TASK2.replace("4,5,6", "4,5,9"), "EmoDom is outside 1 to 7"),
    ],
)
def test_read_task2_refuses(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_task2(text.encode())
