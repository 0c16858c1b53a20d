"""English."""

from bot.texts.base import Texts

ENGLISH = Texts(
    commands={
        "help": ("", "what I can do"),
        "new": ("", "start over: I forget the thread, your history stays yours"),
        "stop": ("", "stop the answer that is being written"),
        "retry": ("", "answer the last question again"),
        "status": ("", "which model answers, and how busy it is"),
        "privacy": ("", "what is kept, where, and who can see it"),
        "export": ("", "everything that is stored about you, as JSON"),
        "forget": ("", "erase everything that is stored about you"),
        "pair": ("CODE", "be let in with a one-time code"),
        "admin": ("…", "people, rooms, model and more; “admin” alone lists it all"),
    },
    help_title="Write to me and I answer. In a room, mention me or reply to me.",
    help_hint="Commands:",
    unknown_command="There is no command “{name}”. “{sign}help” lists them.",
    not_allowed="The command “{name}” is for administrators.",
    fresh="A fresh start: I no longer look at what was said before.",
    nothing_to_stop="Nothing is being answered here.",
    nothing_to_retry="There is no question here to answer again.",
    privacy=(
        "{where}\n\n"
        "- I keep your questions and my answers in one database; to answer, I look at the last "
        "{turns} turns of this conversation.\n"
        "- In rooms I read only what is addressed to me, unless an administrator has me answer "
        "every message there.\n"
        "- Whoever runs me can read what I keep; when an owner searches it, that is written down.\n"
        "- `{sign}export` hands you all of it, `{sign}forget` erases it."
    ),
    privacy_here="The model **{model}** runs on this machine; I send what you write nowhere else.",
    privacy_elsewhere="The model **{model}** runs on another server, `{host}`: what you ask, and "
    "the turns before it, are sent there to be answered.",
    forgotten=(
        "Erased. Turns: {turns}, received messages: {messages}, messages of mine: {answers}, "
        "ratings: {feedback}. What the model still held of them is gone too. "
        "Receipt: `{receipt}`."
    ),
    forgotten_later="Backups that hold it still: {count}. It is taken out of them at the next "
    "rotation, {until}: {names}.",
    forgotten_former="Files that a restore or a move left behind hold it until they are deleted: "
    "{names}.",
    export_ready="Everything that is stored about you:",
    export_name="parley-export.json",
    status=(
        "**{name} {version}**\n\n"
        "- model: {model}, {state}\n"
        "- answering {running}, waiting {waiting}\n"
        "- speed: {speed}\n"
        "- running for {uptime}; turns kept: {turns}"
    ),
    model_loading="loading",
    model_ready="ready",
    model_failed="failed",
    speed_unknown="not measured yet",
    speed="reads {prefill:.0f} and writes {decode:.0f} tokens a second",
    minutes="{count} min",
    hours="{count} h",
    days="{count} d",
    waiting="*You are number {place} in the line; it takes about {eta_s:.0f} s.*",
    writing="is writing…",
    stopped="*Stopped.*",
    empty="The model had nothing to say. Please ask another way.",
    answered_before="*Answered before in this room; 🔄 or “retry” asks the model anew.*",
    standard_answer="*A standard answer; 🔄 or “retry” asks the model.*",
    this_chat="this chat",
    cut_off="*The answer reached its length limit.*",
    file_note="*I have not read “{name}”: {why}.*",
    file_too_large="it is larger than 20 MB",
    file_unreachable="it could not be fetched",
    file_kind="I read text, PDF and images only",
    file_unreadable="there is no text in it that I can read",
    image_without_words="I find no words in the picture",
    too_many_files="*I read the first {limit} files only.*",
    nothing_to_read="There was nothing in it that I can read.",
    too_long="That message is longer than {limit:,} characters; I have not read it. "
    "Please send a shorter one.",
    too_long_for_model="That message is longer than the model's context, even without any history. "
    "Please send a shorter one.",
    too_many_waiting="{limit} messages are waiting here already; I have not taken this one. "
    "Please send it again when they are answered.",
    busy="Too many people are waiting. Please ask again in about {seconds} s.",
    no_model="No model is ready to answer. An administrator finds the reason with “parley doctor”.",
    set_aside="The model broke down three times over this message, so I have set it aside. "
    "Please put it another way.",
    failed="Something went wrong on my side; it has been logged. Please try again.",
    pairing_hint=(
        "I am {name}, and I do not know you yet. Ask an administrator for a one-time code and send "
        "it here as “{sign}pair CODE”, or let them allow you: you are `{person}`."
    ),
    room_closed="I may not answer in this room yet. An administrator can change that here with "
    "“{sign}admin allow”.",
    unreadable="I can't decrypt that message, and I have asked your device for its key. If nothing "
    "follows, please send it again.",
    resting="I am resting; an administrator has paused me. Please ask later.",
    quota_spent="Your quota for today is spent. It opens again in about {hours} h.",
    pair_directly="Please send the code in a direct message to me, not in a room.",
    wrong_code="That code is wrong, used or too old. Please ask for a new one.",
    too_many_codes="Too many wrong codes. Please try again in an hour.",
    paired="Welcome! I am {name}, and you may ask me now (as {role}). “{sign}help” "
    "lists what I can do.",
    only_the_last="Only the last answer of a conversation can be written again.",
    admin_usage="For administrators:",
    admin_unknown="There is no command {given}.",
    admin_misused="{given} can't be understood; write it like this:",
    no_room_known="I know no room, or more than one, called {name}. “{sign}admin rooms” lists them "
    "all. Write it like this:",
    admin_commands={
        "users": ("[SEARCH]", "who was seen here, and their roles"),
        "role": ("PERSON ROLE", "make somebody guest, member, admin, owner or blocked"),
        "allow": ("[PERSON or ROOM]", "let somebody in, or answer in a room; alone: this room"),
        "deny": ("[PERSON or ROOM]", "block somebody, or fall silent in a room"),
        "rooms": (
            "[every or mention] [ROOM]",
            "the rooms; answer every message there, or mentions",
        ),
        "quota": (
            "[PERSON [messages=N] [seconds=N] | PERSON off]",
            "what people may take of a day",
        ),
        "model": ("[NAME [pause]]", "which model answers, or let another one answer"),
        "persona": ("[TEXT or reset]", "the system prompt"),
        "pause": ("", "answer administrators only"),
        "resume": ("", "answer everybody again"),
        "drain": ("", "finish what runs and end the program"),
        "stats": ("", "today in numbers, and how the platforms are"),
        "sessions": ("", "the conversations that are awake"),
        "dead": ("[retry KEY]", "answers that could not be delivered"),
        "audit": ("[N]", "what administrators did lately"),
        "search": (
            'WORDS ["A PHRASE"] [-WORD] [from:NAME] [in:ROOM] [after:DAY] [before:DAY]',
            "find it in the rooms and in your own conversations; owners find it everywhere",
        ),
        "cache": (
            "[on or off] [ROOM]",
            "give a room's answers again to whoever asks the same there",
        ),
        "standard": (
            "[show NAME | set NAME [language=xx] PATTERN | PATTERN => ANSWER | on NAME | off NAME "
            "| remove NAME | test TEXT]",
            "answers of your own, for everyone",
        ),
        "retention": (
            "[DAYS or off or default] [ROOM or everywhere]",
            "how long conversations are kept; alone: what holds where",
        ),
        "announce": ("TEXT", "say something in every allowed room"),
    },
    nobody_known="I know nobody, or more than one, called {name}. “{sign}admin users” "
    "lists everybody.",
    owners_only="Only an owner makes or unmakes administrators and owners.",
    last_owner="That is the last owner; make another one first.",
    role_given="{person} is {role} now.",
    users="People: {count}",
    spent_today="People who asked today: {count}",
    spent="- {person}: messages {messages}, computing {seconds} s",
    quota="{person}: messages today {messages} of {most_messages}, computing {seconds} of "
    "{most_seconds} s.",
    rooms="Rooms: {count}",
    room_allowed="I answer in {room} now.",
    room_denied="I am silent in {room} now.",
    room_every="I answer every message in {room} now.",
    room_mention="I answer mentions and replies in {room} now.",
    announced="Said. Rooms: {count}.",
    caches="Rooms that keep answers: {count}",
    cache="- {room}: answers kept {count}",
    cache_on="In {room}, an answer is given again for {hours:g} h to whoever asks the same first.",
    cache_off="I keep no answers in {room} any more; those that were kept are gone.",
    retention="So long are conversations kept; what is older is deleted within the hour:",
    retention_place="- {place}: {kept}",
    retention_set="For {place} holds now: {kept}.",
    kept_for_ever="kept for ever",
    kept_days="kept for {days} d",
    kept_default="nothing of its own",
    model="{model} answers ({state}). In the store: {names}.",
    model_loads="Loading {model} …",
    model_reads="{model} is loaded and reads the latest conversations ({count}), a minute at most; "
    "the other answers meanwhile …",
    model_chosen="{model} answers from the next start on.",
    model_answers="{model} answers now.",
    model_until_restart="After a restart {model} answers again: the settings name it.",
    model_needs_pause="“{sign}admin model {name} pause” stops the one that answers before it "
    "loads; messages wait meanwhile.",
    persona="The system prompt:",
    paused="Paused: I answer administrators only.",
    resumed="I answer everybody again.",
    draining="I finish what runs and end.",
    stats=(
        "Today: answers {messages}, people {people}, computing {seconds} s.\n\n"
        "- turns kept: {turns}\n- waiting: {waiting}\n- undelivered: {dead}"
    ),
    storage_copying="- storage: on the NAS; rows on their way there: {rows}",
    storage_degraded="- storage: degraded, the NAS is away. Nothing is lost; rows that wait on "
    "this machine: {rows}, the oldest for {seconds} s. {reason}",
    storage_leased="- standby: this bot has the lease (epoch {epoch})",
    storage_refused="- storage: the copies went different ways, and you have to choose. Rows "
    "that wait on this machine: {rows}, the oldest for {seconds} s. {reason}",
    backup_kept="- backup: last {last}, {count} kept",
    backup_failed="- backup: it fails and is tried again; last {last}, {count} kept. {reason}",
    sessions="Conversations that are awake: {count}",
    session="- {session}: {waiting} waiting",
    audit="The latest entries: {count}",
    found="The best that were found: {count}",
    found_nothing="Nothing was found.",
    search_directly="Please search in a direct message to me: here others would read along.",
    query_faults={
        "open_quote": "{part}: a quotation mark has no partner; close the phrase.",
        "names_nothing": "{part} names nothing; write its value right behind the colon.",
        "minus": "{part}: only words and phrases can be left out; drop the minus.",
        "nothing": "“{part}”: there is nothing to look for; write a word that must occur.",
        "too_many": "More than {part} words; write fewer, or a phrase in quotation marks.",
        "no_day": "{part}: that is no day; write it as 2026-01-31.",
        "no_days": "{part} leaves no day; the first must be the earlier.",
        "nobody": "from:{part}: nobody is known by that name or key.",
        "no_room": "in:{part}: no room has that title or key.",
    },
    standards="Standard answers: {count}",
    standard="- `{name}`: {patterns}{state}",
    standard_disabled=" (off)",
    standard_set="Kept: the standard answer `{name}`.",
    standard_removed="The standard answer `{name}` is gone.",
    standard_fits="`{name}` fits and says:",
    standard_fits_none="No standard answer that is on and for the language “{language}” fits that.",
    standard_unknown="There is no standard answer `{name}`. “{sign}admin standard” lists them.",
    standard_name="The name `{name}` can't be used: take small letters, digits, - and _, at most "
    "40, beginning with a letter or digit.",
    standard_language="The language `{language}` can't be used: take a tag of two or three small "
    "letters, as en, de or zh.",
    standard_patterns="These are {found} patterns; give 1 to {limit}, with | between them.",
    standard_long="The answer has {found} characters; it may have {limit}.",
    standard_full="There are {limit} standard answers already; remove one first.",
    standard_taken="A pattern captures `{variable}`, which has a meaning already; choose another "
    "name for it.",
    standard_variable="The answer's `{variable}` is unknown. Known are `{known}`: the fixed ones, "
    "and what every pattern captures.",
    pattern_long="A pattern has {found} characters; it may have {limit}.",
    pattern_braces="The pattern `{pattern}` has a brace that holds no name; write `{{thing}}`, in "
    "small letters.",
    pattern_without_words="The pattern `{pattern}` would fit every message; give it a word.",
    pattern_gaps="The pattern `{pattern}` has two gaps side by side; put a word between them.",
    pattern_twice="The pattern `{pattern}` captures `{variable}` twice; name one of them "
    "differently.",
    no_dead_letters="No answer is stuck.",
    dead_letters="Undelivered: {count}",
    dead_letter="- `{key}` on {platform} for {person}: {error}",
    dead_retried="`{key}` is being delivered again.",
    dead_unknown="There is no undelivered answer “{key}”.",
    demo_notice="A tiny demo model answers: it is often wrong, and good for a first try only. "
    "“parley models” says how to get a real one.",
    remote_notice="The model that answers runs on another server, {host}: "
    "what you ask is sent there.",
)
