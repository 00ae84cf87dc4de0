import csv
import io

import pytest

from vibespeaker.files.csv_text import csv_text, is_formula


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "  =1", "＝1", "-", "-cmd|' /C'!A0", "-1 [=1, 2]"]
)
def test_formulas_become_text(text: str) -> None:
    assert is_formula(text)
    ((cell,),) = csv.reader(io.StringIO(csv_text([text], []), newline=""))
    assert cell == f"'{text}"


def test_numbers_and_plain_text_stay() -> None:
    assert csv_text(
        ("name", "n"), [("-1.5", -1.5), ("-0.1 [-0.2, 0.1]", 0), ("a, b;c", 2), (None, 1e-7), ('say "x"', -3)]
    ) == ('name,n\n-1.5,-1.5\n"-0.1 [-0.2, 0.1]",0\n"a, b;c",2\n,1e-07\n"say ""x""",-3\n')
