"""Getting in, seen in a browser: the first visit, signing in and out, the brake."""

from __future__ import annotations

from browsing import PASSWORD, PHONE, Site
from playwright.sync_api import expect


def test_the_first_visit_sets_a_password_and_shows_that_all_is_well(fresh_site: Site) -> None:
    with fresh_site.visit(signed_in=False) as visit:
        page = visit.page
        page.goto("/")
        page.wait_for_url("**/admin/setup")
        expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        visit.assert_accessible()
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same again").fill("something else")
        page.get_by_role("button", name="Set the password").click()
        visit.faults.expect("status of 400")
        expect(page.get_by_role("alert")).to_have_text("The two passwords are not the same")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/")
        expect(page.get_by_text("Everything is well")).to_be_visible()
        expect(page.locator("[data-bot-id='1'][data-presence=online]")).to_be_visible()


def test_signing_out_closes_the_pages_and_the_password_opens_them(site: Site) -> None:
    with site.visit(signs_in=True) as visit:
        page = visit.page
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/admin/login")
        visit.assert_accessible()
        page.goto("/admin/sessions")
        page.wait_for_url("**/admin/login?next=**")
        visit.faults.expect("status of 401")
        page.get_by_label("Password").fill("wrong password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Wrong password")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/sessions")


def test_the_eleventh_guess_waits_and_who_is_signed_in_does_not_notice(fresh_site: Site) -> None:
    with fresh_site.visit() as owner, fresh_site.visit(signed_in=False) as guesser:
        guesser.faults.expect("status of 401", "status of 429")
        page = guesser.page
        page.goto("/admin/login")
        for _ in range(9):
            refused = page.request.post("/admin/login", form={"password": "wrong password"})
            assert refused.status == 401
        page.get_by_label("Password").fill("wrong password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Wrong password")
        expect(page.get_by_label("Password")).to_have_value("")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Too many wrong passwords")
        owner.go("/admin/sessions")


def test_the_owner_is_let_in_on_a_phone_by_keyboard_alone_in_chinese(site: Site) -> None:
    with site.visit(signs_in=True, language="zh", theme="dark", size=PHONE) as visit:
        page = visit.page
        expect(page.get_by_role("heading", name="总览")).to_be_visible()
        visit.assert_fits()
        visit.assert_accessible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        sign_out = page.get_by_role("button", name="退出登录")
        for _ in range(40):
            page.keyboard.press("Shift+Tab")
            if sign_out.evaluate("each => each === document.activeElement"):
                break
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/login")
        visit.assert_fits()


def test_a_new_password_by_command_closes_the_pages_that_are_open(fresh_site: Site) -> None:
    with fresh_site.visit(signs_in=True) as visit:
        expect(visit.page.get_by_text("Everything is well")).to_be_visible()
        visit.faults.expect("status of 401")
        done = fresh_site.house.set_password("another password")
        assert done.status == 0
        visit.page.wait_for_url("**/admin/login**")
        visit.faults.expect("status of 401")
        visit.page.get_by_label("Password").fill(PASSWORD)
        visit.page.keyboard.press("Enter")
        expect(visit.page.get_by_role("alert")).to_have_text("Wrong password")
        visit.page.get_by_label("Password").fill("another password")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/admin/")
