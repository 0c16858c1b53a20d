"""The names of all texts; what each one says stands in its language's module."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """One language."""

    # commands: name → (arguments, one line of help)
    commands: Mapping[str, tuple[str, str]]
    help_title: str
    help_hint: str
    unknown_command: str  # name, sign: what stands before a command, as in the texts below
    not_allowed: str  # name
    fresh: str
    nothing_to_stop: str
    nothing_to_retry: str
    privacy: str  # where (`privacy_here` or `privacy_elsewhere`), turns, sign
    privacy_here: str
    privacy_elsewhere: str
    forgotten: str  # turns, messages, answers, feedback, receipt
    forgotten_later: str  # count, names, until
    forgotten_former: str  # names
    export_ready: str
    export_name: str

    # status
    status: str  # name, version, model, state, running, waiting, speed, uptime, turns
    model_loading: str
    model_ready: str
    model_failed: str
    speed_unknown: str
    speed: str  # prefill, decode
    minutes: str  # count
    hours: str  # count
    days: str  # count

    # waiting
    waiting: str  # place, eta_s
    writing: str

    # answers
    stopped: str
    cut_off: str
    empty: str
    answered_before: str
    standard_answer: str
    this_chat: str

    # files
    file_note: str  # name, why
    file_too_large: str
    file_unreachable: str
    file_kind: str
    file_unreadable: str
    image_without_words: str
    too_many_files: str  # limit
    nothing_to_read: str

    # refusals
    too_long: str  # limit
    too_long_for_model: str
    too_many_waiting: str  # limit
    busy: str  # seconds
    no_model: str
    set_aside: str
    failed: str

    # who may ask
    pairing_hint: str  # name, person
    room_closed: str
    unreadable: str
    resting: str
    quota_spent: str  # hours
    pair_directly: str
    wrong_code: str
    too_many_codes: str
    paired: str  # name, role
    only_the_last: str

    # for administrators
    admin_usage: str
    admin_unknown: str  # given
    admin_misused: str  # given
    no_room_known: str  # name
    admin_commands: Mapping[str, tuple[str, str]]  # subcommand → (arguments, one line of help)
    nobody_known: str  # name
    owners_only: str
    last_owner: str
    role_given: str  # person, role
    users: str  # count
    spent_today: str  # count
    spent: str  # person, messages, seconds
    quota: str  # person, messages, seconds, most_messages, most_seconds
    rooms: str  # count
    room_allowed: str  # room
    room_denied: str  # room
    room_every: str  # room
    room_mention: str  # room
    announced: str  # count
    caches: str  # count
    cache: str  # room, count
    cache_on: str  # room, hours (a number)
    cache_off: str  # room
    retention: str
    retention_place: str  # place, kept
    retention_set: str  # place, kept
    kept_for_ever: str
    kept_days: str  # days
    kept_default: str
    model: str  # model, state, names
    model_loads: str  # model
    model_reads: str  # model, count
    model_chosen: str  # model
    model_answers: str  # model
    model_until_restart: str  # model
    model_needs_pause: str  # name
    persona: str
    paused: str
    resumed: str
    draining: str
    stats: str  # messages, people, seconds, turns, waiting, dead
    storage_copying: str  # rows
    storage_degraded: str  # rows, seconds, reason
    storage_refused: str  # rows, seconds, reason
    storage_leased: str  # epoch
    backup_kept: str  # last, count
    backup_failed: str  # last, count, reason
    sessions: str  # count
    session: str  # session, waiting
    audit: str  # count
    found: str  # count
    found_nothing: str
    search_directly: str
    query_faults: Mapping[str, str]  # by storage.query.Fault: part

    # standard answers, for administrators
    standards: str  # count
    standard: str  # name, patterns, state
    standard_disabled: str
    standard_set: str  # name
    standard_removed: str  # name
    standard_fits: str  # name
    standard_fits_none: str  # language
    standard_unknown: str  # name
    standard_name: str  # name
    standard_language: str  # language
    standard_patterns: str  # found, limit
    standard_long: str  # found, limit
    standard_full: str  # limit
    standard_taken: str  # variable
    standard_variable: str  # variable, known
    pattern_long: str  # found, limit
    pattern_braces: str  # pattern
    pattern_without_words: str  # pattern
    pattern_gaps: str  # pattern
    pattern_twice: str  # pattern, variable

    # dead letters, for administrators
    no_dead_letters: str
    dead_letters: str  # count
    dead_letter: str  # key, platform, person, error
    dead_retried: str  # key
    dead_unknown: str  # key

    # the page
    demo_notice: str
    remote_notice: str
