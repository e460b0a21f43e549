"""Where settings come from, which source wins, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.bus.errors import ConfigError
from retinue.bus.redact import Secrets
from retinue.kernel.config import Config, RedisAccessConfig
from retinue.kernel.known_secrets import register_known
from retinue.kernel.settings import explain, load


def test_without_any_source_the_daemons_defaults_hold():
    config, origins = load(environ={"HOME": "/nowhere"})
    assert config == Config(redis="auto")
    assert origins == {}


def test_flags_win_over_the_environment_which_wins_over_the_file_which_wins_over_defaults(tmp_path):
    file = _file(
        tmp_path, "name = 'file'\n[scheduler]\npolicy = 'fifo'\nmax_running = 1\nmax_per_agent = 2"
    )
    environ = {"RETINUE_NAME": "variable", "RETINUE_SCHEDULER_MAX_RUNNING": "3"}
    config, origins = load(file=file, environ=environ, flags={"name": "flag"})
    assert (config.name, config.scheduler.max_running) == ("flag", 3)
    assert (config.scheduler.policy, config.scheduler.max_per_agent) == ("fifo", 2)
    assert config.scheduler.ageing == Config().scheduler.ageing
    assert origins == {
        "name": "--name",
        "scheduler.max_running": "RETINUE_SCHEDULER_MAX_RUNNING",
        "scheduler.policy": str(file),
        "scheduler.max_per_agent": str(file),
    }


def test_a_flag_that_was_not_given_changes_nothing():
    config, origins = load(environ={"RETINUE_NAME": "kept"}, flags={"name": None})
    assert config.name == "kept"
    assert origins == {"name": "RETINUE_NAME"}


def test_the_file_in_the_users_configuration_folder_is_found(tmp_path):
    file = tmp_path / "retinue" / "config.toml"
    file.parent.mkdir()
    file.write_text("drain = 3")
    assert load(environ={"XDG_CONFIG_HOME": str(tmp_path)})[0].drain == 3.0


def test_a_list_in_the_environment_is_written_with_commas():
    config, _ = load(environ={"RETINUE_API_NAMES": "localhost,team.example.org:8787"})
    assert config.api.names == ("localhost", "team.example.org:8787")
    with pytest.raises(ConfigError, match="RETINUE_API_NAMES"):
        load(environ={"RETINUE_API_NAMES": "no host"})
    config, _ = load(environ={"RETINUE_OBSERVERS_INCLUDE": "tool.*, task.*"})
    assert config.observers.include == ("tool.*", "task.*")


def test_a_plugins_settings_are_taken_from_the_environment_too():
    config, _ = load(
        environ={"RETINUE_PLUGINS_FILES_ROOTS": '["/srv"]', "RETINUE_PLUGINS_X_Y": "z"}
    )
    assert config.plugins == {"files": {"roots": ["/srv"]}, "x": {"y": "z"}}


def test_secrets_are_masked_where_settings_are_shown(tmp_path):
    file = _file(tmp_path, "[plugins.http]\ntoken = 'hunter2'\nurl = 'https://u:hunter2@host/'")
    config, origins = load(file=file, environ={"RETINUE_REDIS": "redis://:hunter2@host:1"})
    shown = explain(config, origins)
    assert "hunter2" not in repr(shown)
    assert {s.name: s.origin for s in shown}["redis"] == "RETINUE_REDIS"


def test_every_setting_is_shown_once():
    names = [setting.name for setting in explain(Config(), {})]
    assert len(names) == len(set(names))
    assert {"name", "scheduler.policy", "observers.dialects.live_logs.channel"} <= set(names)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("naem = 'x'", ["naem", "did you mean name"]),
        ("policy = 'fifo'", ["did you mean scheduler.policy"]),
        ("[scheduler]\nmax_runing = 1", ["did you mean scheduler.max_running"]),
        ("[shceduler]\npolicy = 'fifo'", ["no setting shceduler"]),
        ("scheduler = 1", ["scheduler is a table", "[scheduler]"]),
        ("[scheduler]\nmax_running = 0", ["scheduler.max_running is 0", "at least 1"]),
        ("[scheduler]\nmax_running = true", ["whole number"]),
        ("[scheduler]\nmax_running = '3'", ["'3'", "whole number"]),
        ("[scheduler]\npolicy = 'lifo'", ["one of fifo, priority, round_robin"]),
        ("name = 'A b'", ["lower-case"]),
        ("name = '../up'", ["lower-case"]),
        ("redis = 'http://x'", ["none, auto, or a URL"]),
        ("redis = 'redis://['", ["redis: Redis URL 'redis://['", "not HOST:PORT"]),
        ("redis = 'redis://host:port'", ["redis: Redis URL", "not HOST:PORT"]),
        ("redis = 'redis://a,b'", ["several hosts", "+sentinel or +cluster"]),
        ("redis = 'redis://h?colour=red'", ["its options are db, protocol"]),
        ("listen = ':8080'", ["HOST:PORT"]),
        ("listen = '0.0.0.0:8080'", ["tokens would travel in clear", "127.0.0.1"]),
        ("drain = nan", ["at least 0"]),
        ("[models]\ndefault = 'gtp'", ["models.default is 'gtp'", "[models.endpoints.NAME]"]),
        ("[models.endpoints.a]\nbase_url = 'x'", ["not complete", "model"]),
        ("[models.endpoints.a]\nurl = 'x'", ["no setting models.endpoints.a.url"]),
        ("[plugins]\nfiles = 1", ["plugins.files is a table"]),
        ("[observers]\nexclude = ['sort=x']", ["observers.exclude", "sort=x", "agent=GLOB"]),
        ("[open", ["not valid TOML", "end of a table"]),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it_and_the_rule(tmp_path, toml, words):
    file = _file(tmp_path, toml)
    with pytest.raises(ConfigError) as refused:
        load(file=file, environ={})
    said = str(refused.value)
    assert "\n" not in said
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("RETINUE_LOG_LEVL", "info", "did you mean RETINUE_LOG_LEVEL"),
        ("RETINUE_LOG_LEVEL", "loud", "RETINUE_LOG_LEVEL: log.level is 'loud'"),
        ("RETINUE_SCHEDULER_MAX_RUNNING", "many", "whole number"),
        ("RETINUE_PLUGINS_FILES", "x", "RETINUE_PLUGINS_PLUGIN_KEY"),
        ("RETINUE_CONFIG", "/nowhere/config.toml", "cannot read the configuration file"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(variable, value, word):
    with pytest.raises(ConfigError, match=word):
        load(environ={variable: value})


def test_a_refused_url_does_not_show_its_password():
    with pytest.raises(ConfigError) as refused:
        load(environ={"RETINUE_REDIS": "ftp://user:hunter2@host"})
    assert "hunter2" not in str(refused.value)


def test_an_unreadable_file_is_refused_by_its_name(tmp_path):
    file = tmp_path / "config.toml"
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match=r"config\.toml is not valid TOML"):
        load(file=file, environ={})
    with pytest.raises(ConfigError, match="cannot read"):
        load(file=tmp_path, environ={})


def _file(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "url", ["redis://bob:hunter2@h", "unix:///s?password=hunter2", "redis+cluster://:hunter2@a,b"]
)
def test_a_password_is_neither_shown_nor_in_a_repr(url):
    config, origins = load(environ={"RETINUE_REDIS": url})
    assert "hunter2" not in repr(config) + repr(explain(config, origins))
    told = Config(plugins={"mailer": {"login": "hunter2"}})
    assert "hunter2" not in repr(told)
    assert "mailer" in repr(told)


def test_where_a_password_is_kept_is_shown(tmp_path):
    names = {"RETINUE_REDIS": "redis://h", "RETINUE_REDIS_ACCESS_PASSWORD_FILE": "/run/pw"}
    shown = {s.name: s.value for s in explain(*load(environ=names))}
    assert shown["redis_access.password_file"] == "/run/pw"


def test_a_password_named_twice_is_refused():
    names = {
        "RETINUE_REDIS": "redis://h",
        "RETINUE_REDIS_ACCESS_PASSWORD_FILE": "/run/pw",
        "RETINUE_REDIS_ACCESS_PASSWORD_ENV": "PW",
    }
    with pytest.raises(ConfigError, match="redis_access: a password is named twice"):
        load(environ=names)


def test_every_password_for_redis_is_registered_as_a_secret(tmp_path):
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("from-a-file")
    access = RedisAccessConfig(password_file=str(file), sentinel_password_env="PW")
    secrets = Secrets()
    register_known(
        secrets, Config(redis="redis://h", redis_access=access), {"PW": "from-a-variable"}
    )
    register_known(secrets, Config(redis="unix:///s?password=from-a-query"), {})
    kept = (b"from-a-file", b"from-a-variable", b"from-a-query")
    assert [bool(secrets.suspects(b'{"said":"' + one + b'"}')) for one in kept] == [True] * 3
