"""The console as an engineer on call sees it."""

import contextlib
import http.client
import os
import re
import unittest

import cast
from stage import SHOTS, TOKENS, Browser, Centre, seconds_until, shot

ON_THE_WIRE_MAX = 120 * 1024
STAGE = contextlib.ExitStack()
centre = browser = None


def setUpModule():
    global centre, browser
    browser = Browser(STAGE)
    centre = Centre(STAGE)
    centre.load(rate=200)


def tearDownModule():
    STAGE.close()


def load_tests(loader, tests, pattern):
    """Those that were asked for, in the order in which they are written."""
    only = os.environ.get("SMSC_CONSOLE_ONLY", "")
    chosen = unittest.TestSuite()
    for case in (It_is_seen, Messages, Hands, Without_scripts, Roles, The_wire, Restarts, Rules):
        names = [name for name in vars(case) if name.startswith("test_") and only in name]
        chosen.addTests(case(name) for name in names)
    return chosen


def figure(page, name):
    return page.locator(f"#figure-{name} .value").inner_text()


class It_is_seen(unittest.TestCase):
    def test_in_the_first_seconds_whether_it_works_and_how_much_goes_through(self):
        for scheme in ("dark", "light"):
            with browser.page(centre.url, color_scheme=scheme) as page:
                page.wait_for_selector("#charts canvas")
                cast.until("messages come in", lambda: float(figure(page, "in").split("/")[0].replace("\u202f", "")) > 50)
                cast.until("and are delivered", lambda: figure(page, "success") not in ("–", "0 %"))
                self.assertEqual(figure(page, "bound"), "3\u202f/\u202f3")
                self.assertEqual(figure(page, "ready"), "1\u202f/\u202f1")
                self.assertEqual(page.locator("#status-title").inner_text(), "It works")
                paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
                self.assertEqual(sum(int(part) for part in paper[4:-1].split(",")) < 200, scheme == "dark")
                shot(page, scheme, whole=True)

    def test_a_killed_operators_link_red_within_3_s_and_well_again_when_it_is_back(self):
        with browser.page(centre.url, color_scheme="dark") as page:
            row = page.locator("[id='link:east:0:smsc-0']")
            row.and_(page.locator(".good")).wait_for()
            centre.east.kill()
            try:
                took = seconds_until(lambda: "bad" in row.get_attribute("class"), at_most=3)
                print(f"     red after {took:.2f} s")
                red = row.locator(".state").evaluate("element => getComputedStyle(element).color")
                self.assertEqual(red, "rgb(255, 122, 110)")
                self.assertRegex(row.locator("[data-label='Last error']").inner_text(), "link was lost|cannot connect")
                self.assertEqual(page.locator("#links tbody tr").first.get_attribute("id"), "link:east:0:smsc-0")
                page.locator("#status.bad h1").filter(has_text="broken").wait_for()
                self.assertIn("east: no link is bound", page.locator(".alarms").inner_text())
                self.assertTrue(page.title().startswith("●"))
                shot(page, "link-broken")
                with browser.page(centre.url + "/?wall=1", color_scheme="dark") as wall:
                    wall.wait_for_selector("#charts canvas")
                    self.assertEqual(wall.locator("#links tbody tr:visible").count(), 1)
                    shot(wall, "wall")
            finally:
                centre.east.start()
            row.and_(page.locator(".good")).wait_for()
            page.locator("#alarms").get_by_text("east: no link is bound").first.wait_for()

    def test_on_a_telephone_without_scrolling_sideways(self):
        with browser.page(centre.url, viewport={"width": 360, "height": 740}, color_scheme="dark") as page:
            page.wait_for_selector("#charts canvas")
            page.locator("a[data-open='account:demo']").click()
            page.locator("[id='account:demo:inside']").wait_for()
            shot(page, "narrow", whole=True)
            too_wide = """[...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > 360
                && !one.closest(".hidden, thead, figure")).map(one => one.tagName + "." + one.className)"""
            self.assertEqual(page.evaluate(too_wide), [])
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 360)

    def test_which_sessions_an_account_has_and_what_it_was_refused(self):
        with browser.page(centre.url) as page:
            page.locator("a[data-open='account:demo']").click()
            sessions = page.locator("[id='account:demo:inside'] tbody tr")
            cast.until("the three binds of the load are there", lambda: sessions.count() >= 3)
            self.assertIn("127.0.0.1:", sessions.first.inner_text())

    def test_light_or_dark_as_one_chooses_and_so_the_next_time(self):
        with browser.page(centre.url, color_scheme="dark") as page:
            page.locator("#theme").click()
            page.reload()
            self.assertEqual(page.evaluate("getComputedStyle(document.documentElement).colorScheme"), "light")


class Messages(unittest.TestCase):
    def steps(self, page):
        return [step.inner_text().replace("\n", " ") for step in page.locator(".message[open] .life li").all()]

    def find(self, page, wanted):
        page.locator("#q").fill(wanted)
        page.keyboard.press("Enter")
        page.locator("#found .message[open], #found-none, #found .error").first.wait_for()

    def test_a_messages_whole_life_in_one_search_by_each_of_its_names(self):
        message = centre.send("46700007001")
        with browser.page(centre.url, color_scheme="dark") as page:
            page.keyboard.press("/")
            page.keyboard.type(message)
            page.keyboard.press("Enter")
            page.locator(".message[open] .life").wait_for()
            steps = self.steps(page)
            self.assertEqual([step.split(" ")[0] for step in steps], ["accepted", "stored", "routed", "sent", "receipt", "forwarded"])
            self.assertIn("by account shop", steps[0])
            self.assertIn("to operator north", steps[2])
            self.assertIn("ESME_ROK", steps[3])
            self.assertIn("DELIVRD", steps[4])
            theirs = steps[3].split(" calls it ")[1].strip()
            self.find(page, theirs)
            self.assertIn(message, page.locator(".message[open] summary").inner_text())
            self.find(page, "+46700007001")
            # What was found before stays open until the answer is there.
            page.locator(".message[open] .life li", has_text="route \"\" is the only one").wait_for()
            self.assertNotIn("a private text", page.content())
            shot(page, "life-delivered")

    def test_a_messages_attempts_with_the_names_of_their_statuses_while_it_waits(self):
        message = centre.send("447700900001", "--no-receipt")
        with browser.page(f"{centre.url}/?q={message}", color_scheme="dark") as page:
            tries = page.locator(".life li.bad").filter(has_text="ESME_RTHROTTLED")
            cast.until("two attempts were refused", lambda: tries.count() >= 2)
            steps = self.steps(page)
            self.assertIn('the longest prefix wins (also fitting: "")', steps[2])
            self.assertIn("attempt 1 to sour", steps[3])
            self.assertIn("again at", steps[-1])
            shot(page, "life")

    def test_cancelled_only_after_a_question_and_once_by_two_at_once(self):
        message = centre.send("447700900002", "--no-receipt")
        with browser.page(f"{centre.url}/?q={message}") as one, browser.page(f"{centre.url}/?q={message}") as other:
            one.get_by_role("button", name="Cancel message").click()
            one.get_by_role("button", name="Leave it").click()
            self.assertFalse(centre.api(f"messages/{message}")["deliveries"][0]["final"])
            for page in (one, other):
                page.get_by_role("button", name="Cancel message").click()
            for page in (one, other):
                page.locator("#ask-yes").click()
            said = sorted(page.locator("#toast:visible").inner_text() for page in (one, other))
            self.assertTrue(said[0].startswith("Done."), said)
            self.assertIn("Not done: what is final", said[1])
            one.locator("#found .state").filter(has_text="DELETED").wait_for()

    def test_one_that_waits_for_its_next_attempt_is_tried_at_once(self):
        message = centre.send("447700900004", "--no-receipt")
        waits = lambda: centre.api(f"messages/{message}")["deliveries"][0]
        cast.until("it waits long", lambda: waits()["attempts"] == 3 and waits()["place"] == "retry")
        with browser.page(f"{centre.url}/?q={message}") as page:
            page.get_by_role("button", name="Try now").click()
            page.locator("#ask-yes").click()
            cast.until("it was tried again", lambda: waits()["attempts"] == 4)

    def test_what_waits_for_one_operator_is_moved_to_another_or_ended(self):
        with browser.page(centre.url) as page:
            messages = [centre.send(f"44770090001{number}", "--no-receipt") for number in range(2)]
            final = lambda: [centre.api(f"messages/{message}")["deliveries"][0]["final"] for message in messages]
            form = page.locator("#move-form")
            form.locator("[name=from]").select_option("sour")
            form.locator("[name=to]").select_option("north")
            form.locator("button").click()
            page.locator("#ask-text").filter(has_text=re.compile(r"Move \d+ messages from sour to north")).wait_for()
            shot(page, "move")
            page.locator("#ask-yes").click()
            page.locator("#toast:visible").filter(has_text="Done.").wait_for()
            cast.until("north has delivered them", lambda: all(final()))
            centre.api("links/sour:0/pause", method="POST", body={})
            try:
                messages = [centre.send("447700900020", "--no-receipt")]
                row = page.locator("[id='queue:operator:sour']")
                row.get_by_role("button", name="Purge").click()
                page.locator("#ask-text").filter(has_text="End 1 message of those that wait").wait_for()
                page.locator("#ask-yes").click()
                cast.until("it has ended", lambda: all(final()))
                row.wait_for(state="detached")
                page.locator("#audit").get_by_text("queue.purge").first.wait_for()
            finally:
                centre.api("links/sour:0/resume", method="POST", body={})

    def test_an_unknown_message_and_a_huge_question_with_plain_words(self):
        with browser.page(centre.url) as page:
            self.find(page, "999999999999999999")
            self.assertIn("No message is known by", page.locator("#found").inner_text())
            self.find(page, "4" * 5_000)
            self.assertIn("at most 64 characters", page.locator("#found .error").inner_text())
            page.locator("#found-close").click()
            page.locator("#found").wait_for(state="hidden")
        status, _ = cast.get(centre.http, "/?q=" + "4" * 1_000_000) or (None, None)
        self.assertIn(status, (None, 400, 414, 431))

    def test_which_way_a_number_would_take_and_why(self):
        with browser.page(centre.url) as page:
            page.locator("#explain [name=number]").fill("48500600700")
            page.locator("#explain [name=account]").fill("demo")
            page.locator("#explain button").click()
            explained = page.locator(".explained")
            explained.wait_for()
            self.assertIn("→ east", explained.inner_text())
            self.assertIn("the longest prefix wins", explained.inner_text())
            page.locator("#explain [name=account]").fill("nobody")
            page.locator("#explain button").click()
            page.locator("#explained .error").filter(has_text="there is no account").wait_for()


class Hands(unittest.TestCase):
    def test_the_keyboard_reaches_the_search_and_every_row(self):
        with browser.page(centre.url) as page:
            page.locator("#links tbody tr").first.wait_for()
            page.keyboard.press("/")
            self.assertEqual(page.evaluate("document.activeElement.id"), "q")
            focused = lambda: page.evaluate("document.activeElement.dataset.open || ''")
            for _ in range(30):
                page.keyboard.press("Tab")
                if focused() == "link:north:0:smsc-0":
                    break
            self.assertEqual(focused(), "link:north:0:smsc-0")
            self.assertEqual(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "solid")
            page.keyboard.press("Enter")
            page.locator("[id='link:north:0:smsc-0:inside']").wait_for()
            page.wait_for_timeout(2_500)
            self.assertEqual(focused(), "link:north:0:smsc-0", "what is new does not take the focus away")
            shot(page, "keyboard")
            page.keyboard.press("Enter")
            page.locator("[id='link:north:0:smsc-0:inside']").wait_for(state="detached")

    def test_a_link_is_paused_and_resumed(self):
        with browser.page(f"{centre.url}/?open=link:sour:0:smsc-0") as page:
            row = page.locator("[id='link:sour:0:smsc-0']")
            inside = page.locator("[id='link:sour:0:smsc-0:inside']")
            inside.get_by_role("button", name="Pause").click()
            page.locator("#ask-yes").click()
            row.locator(".state").filter(has_text="paused").wait_for()
            inside.get_by_role("button", name="Resume").click()
            page.locator("#ask-yes").click()
            row.locator(".state").filter(has_text="bound").wait_for()
            page.locator("#audit").get_by_text("link.pause").first.wait_for()

    def test_a_session_is_unbound(self):
        with browser.page(f"{centre.url}/?open=account:demo") as page:
            first = page.locator("[id='account:demo:inside'] tr[id^='session:']").first
            session = first.get_attribute("id")
            first.get_by_role("button", name="Unbind").click()
            page.locator("#ask-yes").click()
            page.locator(f"[id='{session}']").wait_for(state="detached")

    def test_two_who_set_the_same_route_at_once_both_stand_in_the_audit_and_the_last_one_counts(self):
        with browser.page(centre.url) as one, browser.page(centre.url) as other:
            for page, operator in ((one, "east"), (other, "sour")):
                form = page.locator("#route-form")
                form.locator("[name=prefix]").fill("4799")
                form.locator("[name=operator]").select_option(operator)
                form.locator("button").click()
                page.locator("#ask-text").filter(has_text="4799").wait_for()
            for page in (one, other):
                page.locator("#ask-yes").click()
                page.locator("#toast:visible").filter(has_text="Done.").wait_for()
            routes = centre.api("routes")["routes"]
            [set_] = [route for route in routes if route["prefix"] == "4799"]
            self.assertEqual([operator["name"] for operator in set_["operators"]], ["sour"])
            audit = one.locator("#audit tr").filter(has_text="4799")
            cast.until("both are in the audit", lambda: audit.count() == 2)
            one.locator("#routes").get_by_role("button", name="Back to the file").click()
            one.locator("#ask-yes").click()
            one.locator("#routes tr").filter(has_text="4799").wait_for(state="detached")


    def test_what_the_file_says_and_counts_only_after_a_restart_is_shown_key_by_key(self):
        said = centre.file.read_text()
        try:
            centre.file.write_text(said.replace('deadline = "5s"', 'deadline = "6s"'))
            with browser.page(centre.url) as page:
                row = page.locator("#waits tbody tr").filter(has_text="drain.deadline")
                row.wait_for()
                self.assertEqual(row.locator("td").all_inner_texts(), ["smsc-0", "5s", "6s"])
        finally:
            centre.file.write_text(said)


class Without_scripts(unittest.TestCase):
    def test_the_tables_are_there_and_come_anew(self):
        with browser.page(centre.url, java_script_enabled=False) as page:
            for part in ("links", "nodes", "accounts", "routes"):
                self.assertGreater(page.locator(f"#{part} tbody tr").count(), 0, part)
            self.assertEqual(page.locator("meta[http-equiv=refresh]").get_attribute("content"), "10")
            self.assertEqual(page.locator("button.act:visible").count(), 0)
            shot(page, "without-scripts", whole=True)
            page.locator("a[data-open='account:demo']").click()
            page.locator("[id='account:demo:inside']").wait_for()

    def test_a_message_is_found(self):
        message = centre.send("46700007002")
        with browser.page(centre.url, java_script_enabled=False) as page:
            page.locator("#q").fill(message)
            page.keyboard.press("Enter")
            page.locator(".message[open] .life li").first.wait_for()


class Roles(unittest.TestCase):
    """On a node that asks for tokens."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.centre = Centre(cls.stack, tokens=True)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def enter(self, page, role):
        page.locator("#token").fill(TOKENS.get(role, role))
        page.locator("#token-form button").click()

    def test_nothing_is_seen_without_a_token_and_a_wrong_one_is_told(self):
        with browser.page(self.centre.url) as page:
            page.locator("#token-dialog").wait_for()
            self.assertEqual(page.locator("table").count(), 0)
            self.enter(page, "no-such-token-0123456789")
            page.locator("#token-error").filter(has_text="this token is not known here").wait_for()
            shot(page, "token")
            self.enter(page, "admin")
            page.locator("#links tbody tr").first.wait_for()
            self.assertTrue(page.locator("#token-dialog").is_hidden())
            self.assertEqual(page.evaluate("Object.keys(localStorage).length"), 0)
            page.reload()
            page.locator("#who").filter(has_text="admin-person · admin").wait_for()
            page.locator("#forget").click()
            page.locator("#token-dialog").wait_for()

    def test_a_viewer_sees_no_write_action_and_numbers_only_in_part(self):
        message = self.centre.send("447700900003", "--no-receipt")
        for role, actions in (("viewer", 0), ("operator", 1)):
            with browser.page(f"{self.centre.url}/?open=link:north:0:smsc-0,account:demo&q={message}") as page:
                self.enter(page, role)
                page.locator(".message[open] .life").wait_for()
                page.locator("[id='link:north:0:smsc-0:inside']").wait_for()
                self.assertEqual(min(page.locator("button.act").count(), 1), actions, role)
                self.assertEqual(page.locator("#route-form").count(), actions, role)
                self.assertEqual("447700900003" in page.content(), bool(actions), role)
                shot(page, role)

    def test_only_an_admin_drains(self):
        for role, drains in (("operator", 0), ("admin", 1)):
            with browser.page(self.centre.url) as page:
                self.enter(page, role)
                page.locator("#nodes tbody tr").first.wait_for()
                self.assertEqual(page.get_by_role("button", name="Drain", exact=True).count(), drains)

    def test_call_detail_records_are_shown_and_their_files_closed(self):
        self.centre.send("46700900004")
        with browser.page(self.centre.url) as page:
            self.enter(page, "operator")
            row = page.locator("#cdr tbody tr")
            row.get_by_text("written", exact=True).wait_for()
            page.get_by_role("button", name="Close the files").click()
            page.locator("#ask-yes").click()
            row.get_by_text(re.compile(r"cdr-smsc-0-.*-1\.ndjson,")).wait_for()

    def test_a_node_goes_out_of_service_and_back(self):
        with browser.page(self.centre.url) as page:
            self.enter(page, "admin")
            for action, after in (("Drain", "draining"), ("Undrain", "ready")):
                page.get_by_role("button", name=action, exact=True).click()
                page.locator("#ask-yes").click()
                page.locator("#nodes tbody tr", has_text=after).wait_for()

    def test_without_scripts_a_browser_asks_for_the_token_by_itself(self):
        with browser.page(self.centre.url, java_script_enabled=False) as page:
            self.assertIn("see the tables", page.locator("main").inner_text())
        credentials = {"username": "anybody", "password": TOKENS["viewer"]}
        with browser.page(f"{self.centre.url}/console/tables", java_script_enabled=False, http_credentials=credentials) as page:
            self.assertGreater(page.locator("#links tbody tr").count(), 0)
        wrong = {**credentials, "password": "no-such-token-0123456789"}
        with browser.page(f"{self.centre.url}/console/tables", java_script_enabled=False, http_credentials=wrong) as page:
            self.assertEqual(page.locator("table").count(), 0)


class The_wire(unittest.TestCase):
    def ask(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", centre.http, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def test_the_first_load_is_small(self):
        with browser.page("about:blank") as page:
            finished = []
            session = page.context.new_cdp_session(page)
            session.send("Network.enable")
            session.on("Network.loadingFinished", lambda event: finished.append(event["encodedDataLength"]))
            page.goto(centre.url)
            page.wait_for_selector("#charts canvas")
            page.wait_for_timeout(500)
            print(f"     {len(finished)} files, {sum(finished) / 1024:.1f} KiB")
            self.assertGreater(len(finished), 8)
            self.assertLess(sum(finished), ON_THE_WIRE_MAX)

    def test_every_answer_forbids_what_the_page_does_not_need(self):
        for path in ("/", "/console/assets/console.js", "/console/parts?parts=status", "/api/v1/status", "/console/assets/none"):
            _, headers, _ = self.ask(path)
            self.assertIn("default-src 'self'", headers["Content-Security-Policy"], path)
            self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"], path)
            self.assertNotIn("unsafe", headers["Content-Security-Policy"], path)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff", path)
            self.assertEqual(headers["Referrer-Policy"], "no-referrer", path)

    def test_a_file_that_a_browser_has_is_not_sent_again(self):
        kinds = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
        for name, kind in kinds.items():
            status, headers, body = self.ask(f"/console/assets/{name}", **{"Accept-Encoding": "gzip"})
            self.assertEqual((status, headers["Content-Type"].split(";")[0], headers["Content-Encoding"]), (200, kind, "gzip"))
            status, again, body = self.ask(f"/console/assets/{name}", **{"If-None-Match": headers["ETag"]})
            self.assertEqual((status, body, again["ETag"]), (304, b"", headers["ETag"]))

    def test_a_page_of_another_name_gets_nothing(self):
        status, _, body = self.ask("/", Host="evil.example")
        self.assertEqual(status, 403)
        self.assertNotIn(b"<table", body)


class Restarts(unittest.TestCase):
    def test_a_node_that_goes_is_told_and_the_page_goes_on_when_it_is_back(self):
        with browser.page(centre.url) as page:
            page.wait_for_selector("#charts canvas")
            centre.kill()
            lost = page.locator("#connection.bad")
            lost.filter(has_text="No answer from the node").wait_for()
            shot(page, "node-gone")
            centre.start()
            page.locator("#connection.good").filter(has_text="Connected again").wait_for()
            page.locator("#toast").filter(has_text="restarted").wait_for()
            page.locator("#status-title").filter(has_text="It works").wait_for()


class Rules(unittest.TestCase):
    """Last: of all that the browser has done."""

    def test_no_page_broke_a_rule_or_failed(self):
        self.assertEqual(browser.broken_rules(), [])

    def test_no_other_host_was_asked(self):
        self.assertTrue(all(host.split(":")[0] == "127.0.0.1" for host in browser.hosts if host), browser.hosts)

    def test_the_pictures_are_kept(self):
        kept = {path.name for path in SHOTS.glob("*.png")}
        self.assertLessEqual({"dark.png", "light.png", "wall.png", "narrow.png", "link-broken.png", "life.png"}, kept)
