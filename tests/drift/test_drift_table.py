"""Reading CSV files and collected data."""

import gzip
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from ml.drift import table
from ml.drift.table import TableError


def event(rows, name="1", **more):
    return (
        json.dumps({"specversion": "1.0", "id": name, "time": "2026-01-02T03:04:05Z", "data": rows} | more)
        + "\n"
    )


def test_numbers_and_text_are_told_apart_and_empty_fields_are_missing(tmp_path):
    (tmp_path / "a.csv").write_text("delay,carrier,code,empty\n1.5,UA,1_0,\n,NA,2,NaN\n-2,DL,3,\n")
    columns = table.read(tmp_path / "a.csv")
    assert columns["delay"].dtype == columns["empty"].dtype == np.float64
    np.testing.assert_array_equal(columns["delay"], [1.5, np.nan, -2])
    assert columns["carrier"].tolist() == ["UA", None, "DL"]
    assert columns["code"].tolist() == ["1_0", "2", "3"]
    assert np.isnan(columns["empty"]).all()


def test_the_files_of_a_folder_follow_each_other_by_name_plain_and_gzipped(tmp_path):
    (tmp_path / "2.csv.gz").write_bytes(gzip.compress(b"x\n3\n"))
    (tmp_path / "1.csv").write_text("x\n1\n2\n")
    (tmp_path / "README.txt").write_text("not a table")
    assert table.read(tmp_path)["x"].tolist() == [1, 2, 3]


def test_a_file_with_a_header_alone_has_columns_without_rows(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n")
    assert {name: values.size for name, values in table.read_csv(tmp_path).items()} == {"x": 0, "y": 0}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no .csv, .csv.gz or .jsonl"),
        ({"a.csv": b""}, "is empty"),
        ({"a.csv": b"x,y\n1\n"}, "line 2: 1 fields, 2 were expected"),
        ({"a.csv": b"x\n1\n", "b.csv": b"y\n1\n"}, "b.csv has other columns than a.csv: y"),
        ({"a.csv.gz": b"x\n1\n"}, "Not a gzipped file"),
        ({"a.csv": b"x\n\xff\n"}, "line "),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_line(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError) as error:
        table.read(tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(TableError, match="absent: there is no such file"):
        table.read(tmp_path / "absent")


def test_collected_rows_become_columns_whatever_hour_they_were_written_in(tmp_path):
    first = tmp_path / "2026/01/02/03/a.jsonl"
    second = tmp_path / "2026/01/02/04/a.jsonl"
    for file, text in (
        (first, event([{"x": 1, "c": "UA"}, {"x": None, "c": "DL"}], "1")),
        (second, event([{"x": 2.5, "flag": True}], "2")),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    columns = table.read(tmp_path)
    np.testing.assert_array_equal(columns["x"], [1, np.nan, 2.5])
    assert columns["c"].tolist() == ["UA", "DL", None]
    assert columns["flag"].tolist() == [None, None, "true"]


def test_a_line_that_was_written_twice_counts_once_and_a_torn_last_one_not_at_all(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(
        event([{"x": 1}], "1") + event([{"x": 1}], "1") + event([{"x": 2}], "2") + '{"data": [{"x"'
    )
    assert table.read_collected(file)["x"].tolist() == [1, 2]


def test_lines_before_a_time_can_be_left_out(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(event([{"x": 1}], "1") + event([{"x": 2}], "2", time="2026-01-03T00:00:00Z"))
    assert table.read_collected(file, since=datetime(2026, 1, 3, tzinfo=UTC))["x"].tolist() == [2]


def test_a_folder_without_collected_data_has_no_columns(tmp_path):
    assert table.read_collected(tmp_path) == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oops}\n", "line 1 is no JSON"),
        ("[]\n", "line 1 is no JSON object"),
        (event("https://elsewhere/large"), "`data` holds no rows but 'https://elsewhere/large'"),
    ],
)
def test_a_line_that_no_collector_wrote_is_refused_by_number(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_text(line)
    with pytest.raises(TableError, match=message.replace("(", r"\(")):
        table.read_collected(tmp_path)


def test_a_time_that_is_none_is_refused_where_times_matter(tmp_path):
    (tmp_path / "a.jsonl").write_text(event([{"x": 1}], time="yesterday"))
    with pytest.raises(TableError, match="`time` is 'yesterday'"):
        table.read_collected(tmp_path, since=datetime(2026, 1, 1, tzinfo=UTC))
