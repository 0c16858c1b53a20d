"""The page in a browser, as people use it: with a keyboard, on a phone, across restarts."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.clients.process import BotProcess
from tests.e2e.visitors import ANSWER_MS, visitor

LINES = """cell => {
  const words = document.createRange();
  words.selectNodeContents(cell);
  return words.getClientRects().length;
}"""


@pytest.mark.timeout(240)
async def test_two_people_a_room_and_a_restart(bot: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann, visitor(browser) as bob:
        await ann.join(bot.link, "Ann")
        await bob.join(bot.link, "Bob")

        await ann.say("Name three colours.")
        await expect(ann.preview).to_be_visible(timeout=ANSWER_MS)
        await expect(ann.answers).to_have_count(1, timeout=ANSWER_MS)
        await expect(ann.preview).to_have_count(0)
        direct = await ann.answers.first.inner_text()
        assert len(direct.split()) > 3

        await ann.create_room("Kitchen")
        await bob.open_room("Kitchen")
        await bob.say("lunch?")
        await expect(ann.page.locator("#list").get_by_text("lunch?")).to_be_visible()
        await ann.say("@Parley what is bread made of?")
        await expect(bob.answers).to_have_count(1, timeout=ANSWER_MS)

        await ann.page.reload()
        await expect(ann.page.locator("#list").get_by_text("lunch?")).to_be_visible()
        await bot.stop()
        await expect(ann.page.locator("#link-state")).not_to_be_empty()
        await bot.start()
        await expect(ann.page.locator("#link-state")).to_be_empty(timeout=ANSWER_MS)
        await expect(ann.answers).to_have_count(1)
        await ann.page.locator("#direct-rooms button").click()
        await expect(ann.answers.first).to_contain_text(direct.splitlines()[-1][:20])
        await ann.say("And three animals.")
        await expect(ann.answers).to_have_count(2, timeout=ANSWER_MS)


async def test_stop_edit_retry_delete(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        await ann.say(" ".join(f"w{n}" for n in range(400)))
        await expect(ann.preview).to_contain_text("w3")
        await ann.page.get_by_test_id("stop").click()
        await expect(ann.answers.first).to_contain_text("Stopped.")
        await expect(ann.page.get_by_test_id("stop")).to_be_hidden()

        await ann.page.keyboard.press("ArrowUp")
        await expect(ann.composer).to_have_value(re.compile("^w0 w1"))
        await ann.say("hello")
        await expect(ann.answers.first).to_contain_text("echo: hello")
        await expect(ann.answers).to_have_count(1)
        await expect(ann.page.get_by_text("edited")).to_be_visible()

        await ann.answers.first.hover()
        await ann.answers.first.get_by_test_id("retry").click()
        await expect(ann.preview).to_be_visible()
        await expect(ann.answers.first).to_contain_text("echo: hello")

        own = ann.page.locator("[data-testid=message]").first
        await own.hover()
        await own.get_by_test_id("delete").click()
        await own.get_by_text("Delete?").click()
        await expect(ann.page.get_by_test_id("message")).to_have_count(0)
        await expect(ann.page.get_by_role("heading", name="Say hello")).to_be_visible()


async def test_everything_by_keyboard(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann:
        await ann.page.goto(echo.link)
        await expect(ann.page.get_by_test_id("join-name")).to_be_focused()
        await ann.page.keyboard.type("Ann")
        await ann.page.keyboard.press("Enter")
        await expect(ann.composer).to_be_focused()
        completion = ann.page.get_by_test_id("completion")
        await ann.page.keyboard.type("/")
        await expect(completion).to_be_visible()
        await ann.page.keyboard.type("pri")
        await expect(completion.get_by_role("option")).to_have_count(1)
        await ann.page.keyboard.press("Tab")
        await expect(ann.composer).to_have_value("/privacy")
        await ann.page.keyboard.press("Enter")
        await expect(ann.answers.first).to_contain_text("runs on this machine")

        await ann.page.keyboard.type("line one")
        await ann.page.keyboard.press("Shift+Enter")
        await ann.page.keyboard.type("line two")
        await ann.page.keyboard.press("Enter")
        await expect(ann.answers.nth(1)).to_contain_text("line two")
        await ann.say(" ".join(["more"] * 400))
        await expect(ann.preview).to_contain_text("more")
        await expect(ann.page.locator("#live")).to_have_text("Parley is writing")
        await ann.page.keyboard.press("Escape")
        await expect(ann.answers.nth(2)).to_contain_text("Stopped.")


async def test_hostile_text_is_inert(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        text = "<script>x()</script> ![b](http://evil.example/b.png) <img src=x onerror=y()> `code`"
        await ann.say(text)
        await expect(ann.answers.first).to_contain_text("<script>x()</script>")
        assert await ann.page.locator("#list img").count() == 0
        assert await ann.page.locator("#list script").count() == 0
        await expect(ann.answers.first.locator("code")).to_have_text("code")


async def test_on_a_phone_the_rooms_are_a_drawer(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser, viewport={"width": 360, "height": 640}, has_touch=True) as ann:
        await ann.page.goto(echo.link)
        await ann.page.get_by_test_id("join-name").fill("Ann")
        await ann.page.get_by_test_id("join-button").click()
        await ann.say("hello " + "x" * 300)
        await expect(ann.answers).to_have_count(1)
        width = await ann.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360
        await expect(ann.page.get_by_test_id("new-room")).not_to_be_in_viewport()
        await ann.page.locator("#drawer").click()
        await expect(ann.page.get_by_test_id("new-room")).to_be_in_viewport()
        await expect(ann.page.locator("#talk")).to_have_attribute("inert", "")
        await ann.page.locator("#direct-rooms button").click()
        await expect(ann.page.get_by_test_id("new-room")).not_to_be_in_viewport()
        await expect(ann.page.locator("#talk")).not_to_have_attribute("inert", "")


async def test_on_a_phone_a_table_scrolls_and_breaks_no_word(
    echo: BotProcess, browser: Browser
) -> None:
    async with visitor(browser, viewport={"width": 360, "height": 640}) as ann:
        await ann.join(echo.link, "Ann")
        head_row = "| Remark | Name | Price | Fourth | Fifth |"
        row = "| from the Donaudampfschifffahrtsgesellschaft, freshly | apples | 3.20 | x | y |"
        await ann.say(f"prices\n\n{head_row}\n{'| --- ' * 5}|\n{row}")
        head = ann.page.locator("th").filter(has_text="Price").first
        await expect(head).to_be_visible()
        assert await head.evaluate(LINES) == 1
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_light_and_dark(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser, color_scheme="dark") as ann:
        await ann.join(echo.link, "Ann")
        background = "getComputedStyle(document.querySelector('.talk')).backgroundColor"
        dark = await ann.page.evaluate(background)
        await ann.page.emulate_media(color_scheme="light")
        assert await ann.page.evaluate(background) == "rgb(255, 255, 255)" != dark


async def test_in_chinese(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser, locale="zh-CN") as ann:
        await ann.join(echo.link, "小明")
        await expect(ann.page.get_by_test_id("send")).to_have_accessible_name("发送")
        await expect(ann.page.locator("#people li")).to_have_text("小小明在线")
        await ann.say("/stop")
        await expect(ann.answers.first).to_contain_text("这里没有正在生成的回答")


async def test_one_browser_two_people(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        other = await ann.context.new_page()
        await other.goto(echo.link)
        await expect(other.get_by_test_id("composer")).to_be_visible()
        await other.locator("#switch").click()
        await expect(other.get_by_text("Go on as Ann")).to_be_visible()
        await other.get_by_test_id("join-name").fill("Bob")
        await other.get_by_test_id("join-button").click()
        await expect(other.locator("#me .name")).to_have_text("Bob")
        await expect(ann.page.locator("#people li.online")).to_have_count(2)


async def test_without_the_link_the_page_explains_itself(
    echo: BotProcess, browser: Browser
) -> None:
    async with visitor(browser) as eve:
        await eve.page.goto(echo.link.partition("?")[0])
        await expect(eve.page.get_by_role("heading")).to_have_text("This door opens with a link")
