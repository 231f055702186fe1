"""Every page there is, in both languages, both colours and on a phone: well made, and nothing
loaded from elsewhere."""

from __future__ import annotations

import pytest
from browsing import BETWEEN, DESK, PHONE, Site

from eyeclaw_trio.admin.site import PAGES

SHOWN = [page for page in PAGES if page.is_in_menu]


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", DESK), ("zh", "dark", PHONE)]
)
def test_every_page_is_accessible_and_fits(
    site: Site, language: str, theme: str, size: dict[str, int]
) -> None:
    with site.visit(language=language, theme=theme, size=size) as visit:
        for page in SHOWN:
            visit.go(page.address)
            assert visit.page.locator("h1").count() == 1, page.name
            assert visit.page.locator("form[action='/admin/logout'][method=post]").count() == 1
            visit.assert_accessible()
            visit.assert_fits()
            for width in (PHONE["width"], 390, 430):
                visit.page.set_viewport_size({"width": width, "height": 800})
                visit.assert_labels_stay_with_their_fields()
            visit.page.set_viewport_size({"width": size["width"], "height": size["height"]})


@pytest.mark.parametrize(("language", "size"), [("zh", DESK), ("en", PHONE)])
def test_every_page_fits_in_the_other_language_too_and_on_what_is_neither_desk_nor_phone(
    site: Site, language: str, size: dict[str, int]
) -> None:
    with site.visit(language=language, size=size) as visit:
        for page in SHOWN:
            visit.go(page.address)
            visit.assert_fits()
            visit.assert_labels_stay_with_their_fields()
            for width in BETWEEN:
                visit.page.set_viewport_size({"width": width, "height": 800})
                visit.assert_fits()
                visit.assert_labels_stay_with_their_fields()
            visit.page.set_viewport_size({"width": size["width"], "height": size["height"]})


def test_the_language_and_the_colours_that_are_chosen_stay(site: Site) -> None:
    with site.visit() as visit:
        page = visit.page
        visit.go("/admin/")
        page.get_by_role("button", name="中文").click()
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        page.get_by_role("button", name="深色").click()
        page.reload()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.get_by_role("heading", name="总览").count() == 1
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(14, 19, 24)"


def test_a_page_that_is_not_there_says_so_in_the_frame_of_the_others(site: Site) -> None:
    with site.visit() as visit:
        visit.faults.expect("status of 404")
        response = visit.page.goto("/admin/nothing")
        assert response is not None
        assert response.status == 404
        assert visit.page.get_by_role("link", name="Back to the overview").count() == 1
        visit.assert_accessible()
