import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from local.demo import page, picture
from local.demo.picture import Moment, draw, legend, spans
from local.demo.stream import Answer, Pace, requests

SVG = "{http://www.w3.org/2000/svg}"

answers = st.lists(
    st.builds(
        Answer,
        at=st.floats(0, 300),
        deployment=st.sampled_from(["m-1", "m-2", ""]),
        status=st.sampled_from([200, 424, 0]),
        milliseconds=st.floats(0, 1e4),
        month=st.integers(4, 7),
    ),
    max_size=200,
)
moments = st.lists(st.builds(Moment, at=st.floats(0, 400), text=st.text(max_size=20)), max_size=12)


def answer(at, deployment="m-1", status=200):
    return Answer(at, deployment, status, 5.0, 4)


def parsed(svg):
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def test_answers_are_counted_in_the_second_in_which_they_came():
    counted = spans([answer(0.1), answer(0.9, "m-2", 424), answer(2.0)], 1.0)
    assert [dict(second.answered) for second in counted] == [{"m-1": 1, "m-2": 1}, {}, {"m-1": 1}]
    assert [second.failed for second in counted] == [1, 0, 0]


@given(answers)
def test_no_answer_is_lost_or_counted_twice(given_answers):
    counted = spans(given_answers, 2.0)
    assert sum(sum(second.answered.values()) for second in counted) == len(given_answers)
    assert sum(second.failed for second in counted) == sum(a.status != 200 for a in given_answers)


@given(answers, moments)
def test_whatever_happened_can_be_drawn_within_the_picture(given_answers, given_moments):
    # Control characters can't be in XML at all; what happens is named by us.
    named = [Moment(m.at, "".join(c for c in m.text if c.isprintable()), m.kind) for m in given_moments]
    root = parsed(draw(given_answers, named))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for bar in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(bar.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width + 0.2
        assert 0 <= y <= y + h <= height
    assert len(list(root.iter(f"{SVG}text"))) >= len(named)


def test_deployments_are_stacked_in_the_order_they_first_answered():
    both = [answer(0.0), answer(1.2, "m-2"), answer(1.1)]
    assert legend(both) == [("d0", "m-1"), ("d1", "m-2")]
    bars = [bar for bar in parsed(draw(both, [])).iter(f"{SVG}rect") if float(bar.attrib["x"]) > 100]
    lower, upper = (next(bar for bar in bars if bar.attrib["class"] == name) for name in ("d0", "d1"))
    assert float(upper.attrib["y"]) < float(lower.attrib["y"])


def test_labels_that_are_near_each_other_stand_in_different_rows():
    root = parsed(draw([answer(100.0)], [Moment(50.0, "drift found"), Moment(51.0, "event")]))
    labels = [text for text in root.iter(f"{SVG}text") if "moment" in text.attrib["class"]]
    assert len({text.attrib["y"] for text in labels}) == 2


def test_the_page_tells_everything_and_escapes_it():
    story = page.Story(
        [answer(0.5), answer(1.5, "m-2", 424)],
        [Moment(1.0, "drift", "bad", "the monitor: 3 of 7 <features> drifted")],
        [page.Verdict("flight-delay-1", "AUC 0.91 > 0.90")],
        "drift.html",
        75.0,
    )
    html = page.render(story)
    assert "3 of 7 &lt;features&gt; drifted" in html
    assert "AUC 0.91 &gt; 0.90" in html
    assert 'href="drift.html"' in html
    assert ">m-2<" in html


def test_flights_go_through_in_the_order_of_the_months_and_the_last_goes_on():
    stream = requests(Pace(flights_a_month=10, flights_a_request=5), months=(4, 5))
    sent = [next(stream) for _ in range(8)]
    assert [month for month, _ in sent] == [4, 4, 5, 5, 5, 5, 5, 5]
    assert all(len(body["data"]) == 5 for _, body in sent)
    assert sent[2] == sent[4], "the same flights every time"


def test_the_picture_has_room_for_its_labels():
    assert picture._ROWS * picture._ROW <= picture._TOP
