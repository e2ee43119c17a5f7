"""The browser of the tests of the server's page, for the page of an explanation."""

from tests.serving import web_browser

browser = web_browser.browser
