"""The page: complete, self-contained, and drawn by a real browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from ml.drift import compare
from ml.drift.html import render

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """Collects elements and refuses what isn't closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag, **attributes):
        return [a for t, a in self.elements if t == tag and attributes.items() <= a.items()]


def report():
    rng = np.random.default_rng(7)
    names = np.array([f"c{i}" for i in range(30)], dtype=object)
    few = np.array(["a", "b & <b>bold</b>"], dtype=object)
    return compare(
        {
            "steady": rng.normal(0, 1, 1_000),
            "delay": rng.exponential(10, 1_000),
            "hour": rng.integers(0, 24, 1_000).astype(float),
            "<script>alert(1)</script>": few[rng.integers(0, 2, 1_000)],
            "many": names[rng.integers(0, 30, 1_000)],
            "gone": np.ones(10),
            "same": np.ones(1_000),
            "empty": np.full(10, np.nan),
        },
        {
            "steady": rng.normal(0, 1, 1_000),
            "delay": rng.exponential(20, 1_000),
            "hour": rng.integers(0, 24, 1_000).astype(float),
            "<script>alert(1)</script>": few[rng.integers(0, 2, 1_000)],
            "many": names[rng.integers(5, 30, 1_000)],
            "same": np.ones(1_000),
            "empty": np.full(10, np.nan),
            "new": np.ones(10),
        },
    )


@pytest.fixture(scope="module")
def html():
    return render(report(), "July & <others>")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_a_page_asks_for_nothing_from_anywhere(html, page):
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("img")
    assert not re.search(r"https?://|url\(|@import|\bsrc=", html)
    (policy,) = [m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"].startswith("default-src 'none'")


def test_names_are_text_and_never_markup(html, page):
    assert "<script>" not in html
    assert "<b>bold" not in html
    assert "<script>alert(1)</script>" in page.text
    assert "July & <others>" in page.text


def test_the_table_has_a_row_a_feature_and_drifted_ones_come_first(html):
    table = html[html.index("<tbody>") : html.index("</tbody>")]
    states = re.findall(r'class="chip [a-z-]+">([a-z ]+)<', table)
    assert len(states) == 9
    assert states[:2] == ["drifted", "drifted"]
    assert states[-1] == "new"


def test_every_feature_with_values_on_both_sides_has_a_plot_that_says_what_it_is(page):
    plots = [each for each in page.all("svg", role="img") if each.get("class") == "plot"]
    assert len(plots) == 6
    assert all("in the reference and in the current data" in each["aria-label"] for each in plots)


def test_links_of_the_table_lead_to_the_features(page):
    targets = {f"#{each['id']}" for each in page.all("article")}
    assert {each["href"] for each in page.all("a")} == targets


def test_every_statistic_is_defined_on_the_page(page):
    assert "exact first Wasserstein distance / max(sample standard deviation" in page.text
    assert "shares (count + 1) / (rows + bins)" in page.text


def test_the_same_report_is_the_same_page(html):
    assert render(report(), "July & <others>") == html


def test_a_report_without_columns_is_still_a_page():
    assert "Nothing was judged" in Page(render(compare({}, {}), "empty")).text


@pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome on PATH")
def test_a_browser_draws_every_plot_within_its_frame_and_logs_nothing(tmp_path, html):
    # A script is added to measure, as the page has none; the policy is taken out to let it run.
    measure = """<script>
    const wrong = [...document.querySelectorAll('svg.plot')].filter(svg => {
      const frame = svg.getBoundingClientRect();
      return frame.height < 20 || [...svg.querySelectorAll('rect,text,path')].some(mark => {
        const box = mark.getBoundingClientRect();
        return box.right > frame.right + 1 || box.left < frame.left - 1 || box.bottom > frame.bottom + 1;
      });
    });
    document.title = `${document.querySelectorAll('svg.plot').length} plots, ${wrong.length} out of frame, ` +
      `${document.documentElement.scrollWidth <= innerWidth ? 'no' : 'with'} side scroll`;
    </script>"""
    file = tmp_path / "page.html"
    file.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html) + measure)
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [
        f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1280,900",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert re.search("<title>(.*)</title>", done.stdout)[1] == "6 plots, 0 out of frame, no side scroll"
    assert "CONSOLE" not in done.stderr
