"""Settings: file, environment, secrets; faults name the key and the remedy."""

from pathlib import Path

import pytest

from bot.config import ConfigError, load


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("parley.toml")
    path.write_text(text)
    return path


def test_nothing_at_all_is_the_demo() -> None:
    settings = load()
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8420)
    assert (settings.engine.kind, settings.engine.model) == ("llama", "demo")
    assert settings.bot.window_turns == 10


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written('[engine]\nmodel = "a"\ntop_k = 7\n')
    monkeypatch.setenv("PARLEY_ENGINE__MODEL", "b")
    settings = load()
    assert (settings.engine.model, settings.engine.top_k) == ("b", 7)


def test_another_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[bot]\nname = "Ada"\n')
    assert load(other).bot.name == "Ada"
    monkeypatch.setenv("PARLEY_CONFIG", str(other))
    assert load().persona.startswith("You are Ada")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "engine__api_key").write_text("hush\n")
    (secrets / "api__tokens__ci").write_text("hush too\n")
    written(f'secrets_dir = "{secrets}"\n')
    settings = load()
    assert settings.engine.api_key.get_secret_value() == "hush"
    assert settings.api.tokens["ci"].get_secret_value() == "hush too"
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[engine]\nmodle = "x"\n', "no key “engine.modle”. Did you mean “model”?"),
        ("[enigne]\ntop_k = 1\n", "no key “enigne”. Did you mean “engine”?"),
        ("[zzz]\n", "Known are: access, api, bot"),
        ("[engine]\ntop_p = 7\n", "engine.top_p = 7: Input should be less than or equal to 1"),
        ("[web]\nport = 'x'\n", "parley.toml: web.port = 'x': write a whole number."),
        ("[storage]\npath = 3\n", "storage.path = 3: write a path, in quotation marks."),
        ("[web\n", "is not valid TOML"),
        ('secrets_dir = "nowhere"\n', "nowhere is no directory"),
        ("[api.tokens]\nci = 5\n", "api.tokens.ci = (a secret)"),
        (
            "[access]\nopen = ['slak']\n",
            "access.open: there is no platform “slak”. Did you mean “slack”?",
        ),
        ("[access]\nowners = ['ann']\n", "access.owners: “ann” is no person. Write platform:id"),
        ("[access]\nowners = ['slak:U1']\n", "access.owners: “slak:U1” is no person."),
    ],
)
def test_faults_name_key_and_remedy(text: str, told: str) -> None:
    written(text)
    with pytest.raises(ConfigError) as caught:
        load()
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PARLEY_ENGNE__MODEL", "x", "PARLEY_ENGNE__MODEL: there is no section “engne”."),
        ("PARLEY_ENGNE__MODEL", "x", "Did you mean “engine”?"),
        ("PARLEY_WEB_PORT", "1", "Did you mean PARLEY_WEB__PORT, with two underscores?"),
        (
            "PARLEY_WEB__PRT",
            "1",
            "PARLEY_WEB__PRT: there is no key “web.prt”. Did you mean “port”?",
        ),
        ("PARLEY_WEB__PORT", "x", "PARLEY_WEB__PORT: web.port = 'x': write a whole number."),
        ("PARLEY_ACCESS__OPEN", "web", "PARLEY_ACCESS__OPEN = 'web': write it as JSON"),
        ("PARLEY_API__TOKENS", "hush", "PARLEY_API__TOKENS: write it as JSON"),
    ],
)
def test_a_wrong_variable_is_named(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("[web]\nenabled = true\n")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert told in str(caught.value)


def test_a_missing_named_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load(Path("nowhere.toml"))


def test_platforms_and_people_of_theirs_are_known() -> None:
    written("[access]\nopen = ['slack']\nowners = ['matrix:@ann:example.org', 'telegram:1']\n")
    assert load().access.open == ("slack",)


def test_a_secret_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "engine__api_key").write_bytes(b"\xff\xfe\x00")
    written(f'secrets_dir = "{secrets}"\n')
    with pytest.raises(ConfigError, match=r"engine__api_key holds no text"):
        load()
