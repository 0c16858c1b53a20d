"""Long talks, bad lines and busy rooms, in a browser."""

from contextlib import AbstractAsyncContextManager

from playwright.async_api import Browser, Locator, expect

from tests.clients.page import Tab
from tests.clients.process import BotProcess
from tests.e2e.visitors import ANSWER_MS, Visitor, visitor

MANY = 120
SCROLLED_UP = """message => {
  document.getElementById("messages").scrollTop = 30;
  return message.getBoundingClientRect().top;
}"""


def colleague(bot: BotProcess, name: str) -> AbstractAsyncContextManager[Tab]:
    """Somebody whose browser nobody looks at."""
    return Tab(bot.link, name).present()


async def room_of(tab: Tab, name: str) -> str:
    room = await tab.do("create", name=name)
    await tab.until(lambda: any(each["id"] == room for each in tab.rooms))
    return room


async def write_many(tab: Tab, room: str) -> None:
    for number in range(MANY):
        await tab.say(room, f"line {number} of {MANY}")
    await tab.until(lambda: not tab.unacknowledged)


async def top_of(element: Locator) -> float:
    box = await element.bounding_box()
    assert box
    return box["y"]


async def scroll_to_top(ann: Visitor) -> None:
    await ann.page.locator("#messages").evaluate("box => { box.scrollTop = 0 }")


async def test_history_comes_as_one_reads_upwards(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann, colleague(echo, "Bob") as bob:
        await write_many(bob, await room_of(bob, "Log"))
        await ann.join(echo.link, "Ann")
        await ann.open_room("Log")
        await expect(ann.message(f"line {MANY - 1} of")).to_be_in_viewport()
        messages = ann.page.get_by_test_id("message")
        await expect(messages).to_have_count(50)

        read = ann.message(f"line {MANY - 45} of")
        before: float = await read.evaluate(SCROLLED_UP)
        await expect(messages).to_have_count(100)
        assert abs(await top_of(read) - before) < 3

        await scroll_to_top(ann)
        await expect(messages).to_have_count(MANY)
        await scroll_to_top(ann)
        await expect(ann.message("line 0 of")).to_be_in_viewport()


async def test_who_reads_further_up_stays_there(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann, colleague(echo, "Bob") as bob:
        room = await room_of(bob, "Log")
        await write_many(bob, room)
        await ann.join(echo.link, "Ann")
        await ann.open_room("Log")
        middle = ann.message(f"line {MANY - 40} of")
        await middle.scroll_into_view_if_needed()
        before = await top_of(middle)
        await bob.say(room, "something new")
        newer = ann.page.locator("#newer")
        await expect(newer).to_be_visible()
        assert abs(await top_of(middle) - before) < 3
        await echo.kill()
        await echo.start()
        await expect(ann.page.locator("#link-state")).to_be_empty(timeout=ANSWER_MS)
        assert abs(await top_of(middle) - before) < 3
        await newer.click()
        await expect(ann.message("something new")).to_be_in_viewport()
        await expect(newer).to_be_hidden()


async def test_what_is_written_while_the_line_is_down_arrives_once(
    echo: BotProcess, browser: Browser
) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        await echo.kill()
        await expect(ann.page.locator("#link-state")).not_to_be_empty()
        await ann.say("are you there?")
        await expect(ann.message("are you there?")).to_contain_text("sending…")
        await ann.say("hello?")
        await echo.start()
        await expect(ann.answers.last).to_contain_text("hello?", timeout=ANSWER_MS)
        await expect(ann.page.get_by_text("sending…")).to_have_count(0)
        own = ann.page.locator(f"[data-testid=message]:not({'[data-author=bot]'})")
        await expect(own).to_have_count(2)
        await ann.page.reload()
        await expect(own).to_have_count(2)


async def test_what_can_t_be_sent_stays_and_says_why(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann, colleague(echo, "Bob") as bob:
        await room_of(bob, "Kitchen")
        await ann.join(echo.link, "Ann")
        await ann.composer.evaluate("field => { field.value = 'x'.repeat(1_000_000) }")
        await ann.page.keyboard.press("Enter")
        await expect(ann.toast).to_have_text("That is too long to be sent. Please shorten it.")
        assert len(await ann.composer.input_value()) == 1_000_000
        await ann.composer.fill("")
        await ann.page.get_by_test_id("new-room").click()
        await ann.page.keyboard.type("kitchen")
        await ann.page.keyboard.press("Enter")
        await expect(ann.toast).to_contain_text("There is a room “kitchen” already")
        await ann.say("still here")
        await expect(ann.answers).to_have_count(1)


async def test_rooms_that_are_not_open_show_what_is_new(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann, colleague(echo, "Bob") as bob:
        room = await room_of(bob, "Kitchen")
        await ann.join(echo.link, "Ann")
        badge = ann.page.locator("#shared-rooms .badge")
        await expect(badge).to_have_count(0)
        await bob.say(room, "soup is ready")
        await bob.say(room, "@Ann you too")
        await expect(badge).to_have_text("2")
        await expect(ann.page).to_have_title("(2) Parley")
        await ann.page.reload()
        await expect(badge).to_have_text("•")
        await ann.open_room("Kitchen")
        await expect(badge).to_have_count(0)
        await expect(ann.page.locator(".to-me .mention.mine")).to_have_text("@Ann")
        await ann.page.reload()
        await expect(ann.message("soup is ready")).to_be_visible()
        await expect(badge).to_have_count(0)


async def test_who_deletes_by_keyboard_stays_there(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        await ann.create_room("Kitchen")
        for text in ("one", "two"):
            await ann.say(text)
        await expect(ann.page.get_by_text("sending…")).to_have_count(0)
        await expect(ann.message("two")).to_be_visible()
        await ann.page.keyboard.press("Shift+Tab")
        for _ in range(4):
            await ann.page.keyboard.press("ArrowRight")
        await expect(ann.message("two").get_by_test_id("delete")).to_be_focused()
        await ann.page.keyboard.press("Enter")
        await ann.page.keyboard.press("Enter")
        await expect(ann.message("two")).to_have_count(0)
        await expect(ann.message("one")).to_be_focused()


async def test_a_reply_by_keyboard_addresses_the_bot(echo: BotProcess, browser: Browser) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        await ann.create_room("Kitchen")
        await ann.say("@Parley hello")
        await expect(ann.answers).to_have_count(1)
        await ann.page.keyboard.press("Shift+Tab")
        await ann.page.keyboard.press("End")
        await expect(ann.answers.first).to_be_focused()
        for _ in range(4):
            await ann.page.keyboard.press("ArrowRight")
        await expect(ann.answers.first.get_by_test_id("reply")).to_be_focused()
        await ann.page.keyboard.press("Enter")
        await expect(ann.composer).to_be_focused()
        await expect(ann.page.locator("#context")).to_contain_text("Replying to Parley")
        await ann.page.keyboard.type("and then?")
        await ann.page.keyboard.press("Enter")
        await expect(ann.answers).to_have_count(2)
        await expect(ann.message("and then?").first.locator(".quote")).to_contain_text("Parley")
        await expect(ann.page.locator("#context")).to_be_hidden()


async def test_ratings_drafts_and_files_survive_a_reload(
    echo: BotProcess, browser: Browser
) -> None:
    async with visitor(browser) as ann:
        await ann.join(echo.link, "Ann")
        await ann.say("hello")
        await expect(ann.answers).to_have_count(1)
        await ann.answers.first.hover()
        await ann.answers.first.get_by_test_id("good").click()
        await ann.say("/export")
        link = ann.page.locator("a.file")
        await expect(link).to_be_visible()
        await ann.composer.fill("not yet")
        await ann.page.reload()
        await expect(ann.composer).to_have_value("not yet")
        await ann.answers.first.hover()
        pressed = ann.answers.first.get_by_test_id("good")
        await expect(pressed).to_have_attribute("aria-pressed", "true")
        async with ann.page.expect_download() as download:
            await link.click()
        assert (await download.value).suggested_filename == "parley-export.json"
