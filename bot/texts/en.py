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
        "admin": ("dead [retry KEY]", "answers that could not be delivered"),
    },
    help_title="Write to me and I answer. In a room, mention me or reply to me.",
    help_hint="Commands:",
    unknown_command="There is no command “{name}”. “help” lists them.",
    not_allowed="The command “{name}” is for administrators.",
    fresh="A fresh start: I no longer look at what was said before.",
    nothing_to_stop="Nothing is being answered here.",
    nothing_to_retry="There is no question here to answer again.",
    privacy=(
        "The model **{model}** runs on this machine, and nothing you write leaves it.\n\n"
        "- I keep your questions and my answers in one database here; to answer, I look at the "
        "last {turns} turns of this conversation.\n"
        "- In rooms I read only what is addressed to me.\n"
        "- `export` hands you all of it, `forget` erases it."
    ),
    forgotten=(
        "Erased: {turns} turns, {messages} received messages, {answers} messages of mine, "
        "{feedback} ratings. What the model still held of them is gone too."
    ),
    export_ready="Everything that is stored about you:",
    export_name="parley-export.json",
    status=(
        "**{name} {version}**\n\n"
        "- model: {model}, {state}\n"
        "- answering {running}, waiting {waiting}\n"
        "- speed: {speed}\n"
        "- running for {uptime}, {turns} turns kept"
    ),
    model_loading="loading",
    model_ready="ready",
    model_failed="failed",
    speed_unknown="not measured yet",
    speed="reads {prefill:.0f} and writes {decode:.0f} tokens a second",
    waiting="*You are number {place} in the line; it takes about {eta_s:.0f} s.*",
    stopped="*Stopped.*",
    empty="The model had nothing to say. Please ask another way.",
    cut_off="*The answer reached its length limit.*",
    file_note="*I have not read “{name}”: {why}.*",
    file_too_large="it is larger than 20 MB",
    file_unreachable="it could not be fetched",
    file_kind="I read text, PDF and images only",
    file_unreadable="there is no text in it that I can read",
    image_without_words="I find no words in the picture",
    too_many_files="*I read the first {limit} files only.*",
    nothing_to_read="There was nothing in it that I can read.",
    too_long="That message is longer than {limit} characters; I have not read it. "
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
    no_dead_letters="No answer is stuck.",
    dead_letters="{count} undelivered:",
    dead_letter="- `{key}` on {platform} for {person}: {error}",
    dead_retried="`{key}` is being delivered again.",
    dead_unknown="There is no undelivered answer “{key}”.",
    demo_notice="This is a tiny demo model: good for a first try, not for work. "
    "Choose a real one with “parley models”.",
    admin_usage="Usage: `admin dead` or `admin dead retry KEY`.",
)
