"""The page calls the server at its address and reports its errors."""

import pytest
from playwright.sync_api import expect

from tests.serving.web_browser import ANSWERS, needs_browser, panel, press, problem, run
from tests.serving.web_fixtures import SIGNATURES, running


@needs_browser
@pytest.mark.slow
def test_json_with_bare_tokens_is_read_and_its_strings_are_kept(visit):
    content = (
        '{"a": [NaN, -Infinity, Infinity, 1], "b": "NaN, \\" Infinity", "c": null}'
    )
    parsed = run(
        visit(),
        """async (load, text) => {
        const { parse } = await load("api.js");
        const { a, b, c } = parse(text);
        return [a.map(String), b, c]; }""",
        content,
    )
    assert parsed == [["NaN", "-Infinity", "Infinity", "1"], 'NaN, " Infinity', None]


@needs_browser
@pytest.mark.slow
def test_a_model_that_is_not_served_names_the_commands(visit, serving):
    del serving.signatures["sentiment"]
    page = visit("sentiment", fails=True)
    message = problem(page, "sentiment")
    assert "The model sentiment is not served." in message
    assert "make run APP=sentiment" in message
    assert "make serve" in message
    expect(page.locator("#server-name")).to_have_text("this one, 4 of 5 models")
    serving.signatures["sentiment"] = dict(SIGNATURES["sentiment"])
    panel(page, "sentiment").get_by_role("button", name="Look again").click()
    expect(panel(page, "sentiment").locator(".problem")).to_have_count(0)
    press(page, "sentiment")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("lists", [True, False])
def test_a_tab_asks_the_model_whose_name_is_in_the_address(lists, visit, serving):
    serving.lists = lists
    serving.signatures["my-reviews"] = serving.signatures.pop("sentiment")
    answer = serving.sentiment_serving_default
    setattr(serving, "my-reviews_serving_default", answer)
    page = visit("sentiment", fails=not lists, query="?sentiment=my-reviews")
    tab = press(page, "sentiment")
    expect(tab.locator(".answer")).to_have_text(ANSWERS["sentiment"])
    expect(page.locator("#server-name")).to_have_text("this one, 5 of 5 models")
    assert {model for model, *_ in serving.requests} == {"my-reviews"}


@needs_browser
@pytest.mark.slow
def test_errors_are_shown_without_the_names_of_graph_nodes(visit, serving):
    trace = "[[{{function_node __inference_f_1}}{{node Reshape}}]]"
    serving.failures["sentiment"] = (400, f"too long\n\t {trace}")
    page = visit("sentiment", fails=True)
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    expect(panel(page, "sentiment").locator(".problem")).to_contain_text("too long")
    assert "{{" not in problem(page, "sentiment")


@needs_browser
@pytest.mark.slow
def test_on_a_server_without_a_list_each_model_is_asked_for(visit, serving):
    """TensorFlow Serving has no `GET /v1/models`."""
    serving.lists = False
    del serving.signatures["summarization"]
    page = visit("sentiment", fails=True)
    expect(page.locator("#server-name")).to_have_text("this one, 4 of 5 models")
    press(page, "sentiment")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (
            400,
            "input text is odd",
            "The server refused the request (400). It says: input",
        ),
        (404, "Servable not found", "The model sentiment is not served (404)."),
        (
            503,
            "still loading",
            "The server is busy, or not ready yet (503). It says: st",
        ),
        (500, "broken", "The server failed (500). It says: broken"),
        (400, 'Serving signature name: "x" not found.', "The served model lacks what"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(status, error, expected, visit, serving):
    page = visit("sentiment", fails=True)
    expect(page.locator("#server-name")).to_contain_text("5 models")
    serving.failures["sentiment"] = (status, error)
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    message = problem(page, "sentiment")
    assert message.startswith(expected)
    assert len(message.split("\n\n")[1]) > 20
    del serving.failures["sentiment"]
    tab = press(page, "sentiment")
    expect(tab.locator(".problem")).to_have_count(0)


@needs_browser
@pytest.mark.slow
def test_an_answer_that_is_no_json_is_told(visit):
    page = visit("sentiment")
    page.route("**/v1/models/sentiment:predict", lambda r: r.fulfill(body="<p>Hello"))
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    assert "answered with something that is not JSON" in problem(page, "sentiment")


@needs_browser
@pytest.mark.slow
def test_a_server_that_vanishes_is_told(visit):
    page = visit("sentiment", fails=True)
    expect(page.locator("#server-name")).to_contain_text("5 models")
    page.route("**/v1/**", lambda route: route.abort())
    panel(page, "sentiment").get_by_role("button", name="Judge it").click()
    message = problem(page, "sentiment")
    assert message.startswith("No answer from http://127.0.0.1:")
    assert "make serve" in message


@needs_browser
@pytest.mark.slow
def test_the_address_of_another_server_is_used_and_kept(visit, serving):
    serving.policy = "default-src 'self'; connect-src *"
    with running() as other:
        other.cors, other.lists = True, False
        page = visit("sentiment", fails=True, server=other.address)
        expect(page.locator("#server-name")).to_have_text(
            f"{other.address}, 5 of 5 models"
        )
        tab = press(page, "sentiment")
        expect(tab.locator(".answer")).to_have_text(ANSWERS["sentiment"])
        assert serving.requests == []
        assert [name for _, name, _ in other.requests] == ["serving_default", "gates"]


@needs_browser
@pytest.mark.slow
def test_the_field_for_the_address_changes_the_server(visit, serving):
    serving.policy = "default-src 'self'; connect-src *"
    with running() as other:
        other.cors = True
        page = visit("sentiment", fails=True, may_ask=other.address)
        page.locator("#settings summary").click()
        field = page.get_by_label("Address of another server")
        field.fill("localhost")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#settings .state")).to_contain_text("begins with http://")
        field.fill(other.address)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#server-name")).to_contain_text(other.address)
        assert "?server=http" in page.url
        assert page.url.endswith("#sentiment")
        press(page, "sentiment")
        assert serving.requests == []
        field.fill("")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#server-name")).to_contain_text("this one")
        press(page, "sentiment")
        assert serving.requests != []


@needs_browser
@pytest.mark.slow
def test_a_server_that_lets_no_other_page_in_is_told(visit, serving):
    serving.policy = "default-src 'self'; connect-src *"
    with running() as other:
        page = visit("sentiment", fails=True, server=other.address)
        notice = page.locator("#notice")
        expect(notice).to_contain_text(f"No answer from {other.address}.")
        expect(notice).to_contain_text("--rest_api_enable_cors_support=true")
        expect(notice).to_contain_text("--cors")
        other.cors = True
        notice.get_by_role("button", name="Look again").click()
        expect(notice).to_be_empty()
