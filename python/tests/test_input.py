"""What is given to the helpers: keys, texts, addresses, tokens, errors."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import threading
import unittest
from typing import Any
from unittest import mock

from daglab.helpers import (
    AssetKey,
    AssetKeyLike,
    AuthConfig,
    DaglabError,
    DagsterClient,
    EntityFilters,
    RunStatus,
    SyncDagsterClient,
    UsageError,
    ValidationFailed,
    errors,
    sanitize_input,
)


class Key:
    """As Dagster's own."""

    def __init__(self, *path: str) -> None:
        self.path = list(path)


class InputTest(unittest.TestCase):
    def test_asset_keys_are_read_from_whatever_stands_for_them(self) -> None:
        expected = AssetKey(("a", "b"))
        every: list[AssetKeyLike] = ["a/b", ("a", "b"), ["a", "b"], Key("a", "b"), expected]
        for given in every:
            self.assertEqual(AssetKey.of(given), expected)
        self.assertEqual(str(expected), "a/b")
        for wrong in ["", "a//b", "/a", (), ("a", "")]:
            with self.assertRaises(UsageError):
                AssetKey.of(wrong)

    def test_a_token_comes_out_only_where_it_is_asked_for(self) -> None:
        auth = AuthConfig("bearer", "hunter2")
        every: list[Any] = [dataclasses.asdict, vars, pickle.dumps]
        for hand_out in every:
            with self.assertRaises(TypeError) as raised:
                hand_out(auth)
            self.assertNotIn("hunter2", str(raised.exception))
        with self.assertRaises(AttributeError):
            auth.header_name = "X"
        self.assertIs(copy.deepcopy({"a": auth})["a"], auth)
        self.assertEqual(auth.token, "hunter2")
        self.assertNotIn("hunter2", f"{auth!r} {auth}")
        self.assertNotEqual(auth, AuthConfig("bearer", "hunter3"))
        self.assertEqual(hash(auth), hash(AuthConfig("bearer", "hunter2")))

    def test_addresses_of_runs_hold_what_ids_hold(self) -> None:
        client = SyncDagsterClient(url="http://localhost:1")
        with mock.patch.object(type(client), "url", "http://localhost:1"):
            self.assertEqual(
                client.get_run_url("a/../b?c#d"), "http://localhost:1/runs/a%2F..%2Fb%3Fc%23d"
            )

    def test_input_becomes_harmless(self) -> None:
        self.assertEqual(sanitize_input("<b a='x'>&", "html"), "&lt;b a=&#x27;x&#x27;&gt;&amp;")
        self.assertEqual(sanitize_input("*x* [y](z)", "markdown"), r"\*x\* \[y\]\(z\)")
        self.assertEqual(sanitize_input("a; rm -rf /", "shell"), "'a; rm -rf /'")
        self.assertEqual(sanitize_input("../../etc/pass wd", "name"), "_.._etc_pass_wd")
        self.assertEqual(sanitize_input("a/./b//c.py", "path"), "a/b/c.py")
        self.assertEqual(sanitize_input("x\u202egpj.\x1b[31m", "html"), "xgpj.[31m")
        for text in ['a"b\\', "x: !!python/object:os.system", "ü\n\u2028", "😀"]:
            quoted = sanitize_input(text, "python")
            # What is left of it is what was meant, as a text and nothing else.
            self.assertEqual(eval(quoted), text.replace("\u2028", ""))
            self.assertEqual(sanitize_input(text, "yaml"), quoted)
        for path in ["/etc/passwd", "../x", "a/../../x", "~/x", "C:\\x", "\\\\host\\x", ""]:
            with self.assertRaises(ValidationFailed):
                sanitize_input(path, "path")
        for context in ["name", "html"]:
            with self.assertRaises(ValidationFailed):
                sanitize_input("..." if context == "name" else "x" * 1_000_001, context)  # type: ignore[arg-type]
        with self.assertRaises(UsageError):
            sanitize_input("x", "sql")  # type: ignore[arg-type]

    def test_a_token_is_never_shown(self) -> None:
        auth = AuthConfig(type="basic", token="hunter2", username="me")
        self.assertNotIn("hunter2", repr(auth))
        self.assertEqual(auth.variables()["DAGLAB_CLIENT_TOKEN"], "me:hunter2")
        client = SyncDagsterClient(url="http://me:hunter2@127.0.0.1:1/x", auth=auth)
        self.assertNotIn("hunter2", repr(client))
        for wrong in [{"type": "magic"}, {"type": "bearer"}, {"type": "basic", "token": " "}]:
            with self.assertRaises(UsageError):
                AuthConfig(**wrong)  # type: ignore[arg-type]

    def test_authentication_is_read_from_the_environment(self) -> None:
        of = AuthConfig.from_env
        self.assertIsNone(of({}))
        self.assertEqual(of({"DAGSTER_GRAPHQL_TOKEN": " t "}), AuthConfig("bearer", "t"))
        plus = of({"DAGSTER_CLOUD_API_TOKEN": "t"})
        self.assertEqual(plus, AuthConfig("dagster_plus", "t"))
        custom = {
            "DAGLAB_DAGSTER__AUTH__TYPE": "custom",
            "DAGLAB_DAGSTER__AUTH__TOKEN_ENV": "MINE",
            "DAGLAB_DAGSTER__AUTH__HEADER_NAME": "X-Key",
            "MINE": "t",
            "DAGSTER_GRAPHQL_TOKEN": "other",
        }
        self.assertEqual(of(custom), AuthConfig("custom", "t", "X-Key"))
        none = {"DAGLAB_DAGSTER__AUTH__TYPE": "none", "DAGSTER_GRAPHQL_TOKEN": "t"}
        self.assertIsNone(of(none))

    def test_a_token_has_a_header(self) -> None:
        self.assertEqual(AuthConfig("bearer", "t").header_name, "Authorization")
        plus = AuthConfig("dagster_plus", "t")
        self.assertEqual(plus.header_name, "Dagster-Cloud-Api-Token")
        variable = "DAGLAB_DAGSTER__AUTH__HEADER_NAME"
        self.assertEqual(plus.variables()[variable], plus.header_name)
        self.assertEqual(AuthConfig("custom", "t", "X").variables()[variable], "X")

    def test_there_is_one_client_of_a_server(self) -> None:
        one = DagsterClient("localhost", 3000)
        self.assertIs(one, DagsterClient("localhost"))
        self.assertIs(one, DagsterClient(port=3000))
        self.assertIs(one, DagsterClient(url="http://localhost:3000/"))
        self.assertIsNot(one, SyncDagsterClient("localhost", 3000))
        self.assertIsNot(one, DagsterClient("localhost", 3001))
        self.assertIsNot(one, DagsterClient("localhost", 3000, AuthConfig(token="t")))
        self.assertIsNot(one, DagsterClient("localhost", 3000, project="/"))
        with mock.patch.dict(os.environ, {"DAGLAB_DAGSTER_URL": "http://a"}):
            led = DagsterClient.from_config()
        with mock.patch.dict(os.environ, {"DAGLAB_DAGSTER_URL": "http://b"}):
            self.assertIsNot(led, DagsterClient())
        self.assertEqual(repr(DagsterClient("::1", 5)), "DagsterClient('http://[::1]:5')")
        self.assertIs(copy.deepcopy([one])[0], copy.copy(one))
        with self.assertRaises(UsageError):
            pickle.dumps(one)
        for wrong in [{"port": 0}, {"host": "http://x"}, {"url": "http://x", "port": 1}]:
            with self.assertRaises(UsageError):
                DagsterClient(**wrong)  # type: ignore[arg-type]

    def test_a_text_is_no_list_of_texts(self) -> None:
        with self.assertRaises(UsageError):
            EntityFilters(patterns="orders*").request()

    def test_statuses_are_texts_and_new_ones_are_unknown(self) -> None:
        self.assertEqual(RunStatus.of("success"), "SUCCESS")
        self.assertTrue(RunStatus.SUCCESS.is_finished and RunStatus.SUCCESS.is_success)
        self.assertFalse(RunStatus.of("BRAND_NEW").is_finished)
        self.assertEqual(f"{RunStatus.CANCELED}", "CANCELED")
        self.assertEqual(json.dumps([RunStatus.QUEUED]), '["QUEUED"]')

    def test_errors_say_what_to_do(self) -> None:
        said = {"message": "no", "hint": "try", "exit_code": 6, "causes": ["c"], "detail": "d\n"}
        error = errors.from_json(said)
        self.assertIsInstance(error, errors.AuthenticationFailed)
        self.assertEqual(str(error), "no\ncaused by: c\nd\nhint: try")
        self.assertEqual(errors.from_exit_code(99, "x").exit_code, 99)
        again = pickle.loads(pickle.dumps(DaglabError("m")))
        self.assertEqual(again.message, "m")
        for number in range(30):
            errors.remember(DaglabError(str(number)))
        last = errors.last_errors()
        self.assertEqual((len(last), last[-1]["message"]), (20, "29"))

    def test_a_visitor_sees_no_errors_of_another(self) -> None:
        seen: list[Any] = []

        def visit() -> None:
            seen.append(errors.last_errors())
            errors.remember(DaglabError("of the visitor"))
            seen.append([one["message"] for one in errors.last_errors()])

        errors.remember(DaglabError("ours"))
        visitor = threading.Thread(target=visit)
        visitor.start()
        visitor.join()
        self.assertEqual(seen, [[], ["of the visitor"]])
        self.assertEqual(errors.last_errors()[-1]["message"], "ours")


if __name__ == "__main__":
    unittest.main()
