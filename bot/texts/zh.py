"""简体中文。"""

from bot.texts.base import Texts

CHINESE = Texts(
    commands={
        "help": ("", "我能做什么"),
        "new": ("", "重新开始：我不再参考之前的对话，您的历史记录仍然保留"),
        "stop": ("", "停止正在生成的回答"),
        "retry": ("", "重新回答上一个问题"),
        "status": ("", "由哪个模型回答，以及忙碌程度"),
        "privacy": ("", "保存了什么、保存在哪里、谁能看到"),
        "export": ("", "以 JSON 导出与您有关的全部内容"),
        "forget": ("", "删除与您有关的全部内容"),
        "pair": ("CODE", "用一次性配对码加入"),
        "admin": ("…", "人员、群聊、模型等；单独发送“admin”可查看全部"),
    },
    help_title="给我发消息，我就会回答。在群聊中请提及我或回复我。",
    help_hint="命令：",
    unknown_command="没有“{name}”这个命令。发送“help”查看全部命令。",
    not_allowed="命令“{name}”仅供管理员使用。",
    fresh="已重新开始：我不再参考之前的对话。",
    nothing_to_stop="这里没有正在生成的回答。",
    nothing_to_retry="这里没有可以重新回答的问题。",
    privacy=(
        "模型 **{model}** 就在这台机器上运行，您写的内容不会离开它。\n\n"
        "- 您的问题和我的回答保存在本机的一个数据库中；回答时我会参考本次对话最近 {turns} 轮。\n"
        "- 在群聊中，我只读取发给我的消息。\n"
        "- `export` 导出全部内容，`forget` 将其删除。"
    ),
    forgotten=(
        "已删除：{turns} 轮对话、{messages} 条收到的消息、{answers} 条我的消息、{feedback} 条评价。"
        "模型中残留的相关内容也已清除。"
    ),
    export_ready="与您有关的全部内容：",
    export_name="parley-export.json",
    status=(
        "**{name} {version}**\n\n"
        "- 模型：{model}，{state}\n"
        "- 正在回答 {running} 个，等待 {waiting} 个\n"
        "- 速度：{speed}\n"
        "- 已运行 {uptime}，共保存 {turns} 轮对话"
    ),
    model_loading="加载中",
    model_ready="就绪",
    model_failed="加载失败",
    speed_unknown="尚未测得",
    speed="每秒读取 {prefill:.0f} 个词元，生成 {decode:.0f} 个词元",
    waiting="*您排在第 {place} 位，大约需要 {eta_s:.0f} 秒。*",
    writing="正在输入…",
    stopped="*已停止。*",
    empty="模型没有给出回答。请换一种问法。",
    cut_off="*回答已达到长度上限。*",
    file_note="*未能读取“{name}”：{why}。*",
    file_too_large="文件超过 20 MB",
    file_unreachable="无法取得文件",
    file_kind="我只能读取文本、PDF 和图片",
    file_unreadable="其中没有我能读取的文字",
    image_without_words="图片中没有找到文字",
    too_many_files="*我只读取了前 {limit} 个文件。*",
    nothing_to_read="其中没有我能读取的内容。",
    too_long="这条消息超过 {limit} 个字符，我没有读取。请缩短后再发送。",
    too_long_for_model="这条消息即使不带历史记录也超出了模型的上下文长度。请缩短后再发送。",
    too_many_waiting="这里已有 {limit} 条消息在等待，这一条我没有接收。请等它们回答完后再发送。",
    busy="正在等待的人太多。请在约 {seconds} 秒后再问。",
    no_model="目前没有可用的模型。管理员可用“parley doctor”查看原因。",
    set_aside="模型在这条消息上崩溃了三次，我已将其搁置。请换一种说法。",
    failed="我这边出了问题，已记录在日志中。请再试一次。",
    pairing_hint=(
        "我是 {name}，还不认识您。请向管理员索取一次性配对码，并在这里用命令“pair 配对码”发送给我；"
        "也可以请管理员批准您：您的标识是 `{person}`。"
    ),
    room_closed="我还不能在这个群聊里回答。管理员可以在这里用命令“admin allow”开启。",
    unreadable="我无法解密这条消息，已向您的设备请求密钥。如果没有后续回复，请重新发送。",
    resting="管理员已让我暂停，请稍后再问。",
    quota_spent="您今天的配额已用完，大约 {hours} 小时后恢复。",
    pair_directly="请在与我的私聊中发送配对码，不要发在群聊里。",
    wrong_code="配对码错误、已使用或已过期，请索取新的配对码。",
    too_many_codes="错误的配对码太多，请一小时后再试。",
    paired="欢迎！我是 {name}，现在您可以向我提问了（身份：{role}）。发送“help”查看我能做什么。",
    only_the_last="只能重新生成对话中的最后一个回答。",
    admin_usage="管理员命令：",
    admin_commands={
        "users": ("[SEARCH]", "出现过的人及其角色"),
        "role": ("PERSON ROLE", "设为 guest、member、admin、owner 或 blocked"),
        "allow": ("[PERSON or ROOM]", "批准某人或允许群聊；不带参数：当前群聊"),
        "deny": ("[PERSON or ROOM]", "屏蔽某人或在群聊中保持沉默"),
        "rooms": ("[every or mention] [ROOM]", "群聊列表；回答每条消息，或只回答提及"),
        "quota": ("[PERSON [messages=N] [seconds=N] | PERSON off]", "每人每天的配额"),
        "model": ("[NAME [pause]]", "由哪个模型回答，或换一个模型"),
        "persona": ("[TEXT or reset]", "系统提示词"),
        "pause": ("", "只回答管理员"),
        "resume": ("", "恢复回答所有人"),
        "drain": ("", "完成正在进行的回答后结束程序"),
        "stats": ("", "今日统计和各平台状态"),
        "sessions": ("", "活跃的对话"),
        "dead": ("[retry KEY]", "未能送达的回答"),
        "audit": ("[N]", "管理员最近的操作"),
        "search": (
            'WORDS ["A PHRASE"] [-WORD] [from:NAME] [in:ROOM] [after:DAY] [before:DAY]',
            "在群聊和您自己的对话中搜索；所有者可搜索全部对话",
        ),
        "announce": ("TEXT", "在所有允许的群聊中发布消息"),
    },
    nobody_known="没有名为 {name} 的人，或有多个同名的人。“admin users”可查看所有人。",
    owners_only="只有所有者可以任免管理员和所有者。",
    last_owner="这是最后一位所有者，请先指定另一位。",
    role_given="{person} 现在是 {role}。",
    users="{count} 人：",
    spent_today="今天有 {count} 人提问：",
    spent="- {person}：{messages} 条消息，{seconds} 秒",
    quota="{person}：今天 {messages}/{most_messages} 条消息，{seconds}/{most_seconds} 秒。",
    rooms="{count} 个群聊：",
    room_allowed="我现在会在 {room} 中回答。",
    room_denied="我现在在 {room} 中保持沉默。",
    room_every="我现在会回答 {room} 中的每条消息。",
    room_mention="我现在只回答 {room} 中的提及和回复。",
    announced="已在 {count} 个群聊中发布。",
    model="由 {model} 回答（{state}）。可用模型：{names}。",
    model_chosen="从下次启动起由 {model} 回答。",
    model_answers="现在由 {model} 回答。",
    model_until_restart="重启后仍按设置中的 engine.model 由 {model} 回答。",
    model_needs_pause="“admin model {name} pause”会先停下当前模型再加载；期间的消息会等待。",
    persona="系统提示词：",
    paused="已暂停：我只回答管理员。",
    resumed="我恢复回答所有人。",
    draining="我会完成正在进行的回答，然后结束。",
    stats=(
        "今天：为 {people} 人生成 {messages} 个回答，计算 {seconds} 秒。\n\n"
        "- 保存的对话轮数：{turns}\n- 等待：{waiting}\n- 未送达：{dead}"
    ),
    sessions="{count} 个对话活跃：",
    session="- {session}：{waiting} 条等待",
    audit="最近 {count} 条记录：",
    found="最相关的 {count} 条：",
    found_nothing="没有找到。",
    search_directly="请在与我的私聊中搜索，这里的其他人会看到结果。",
    query_faults={
        "open_quote": "{part}：引号没有成对，请补上另一个引号。",
        "names_nothing": "{part} 后面没有内容，请紧接冒号填写。",
        "minus": "{part}：只能排除词或短语，请去掉减号。",
        "nothing": "“{part}”：没有要找的内容，请写一个必须出现的词。",
        "too_many": "超过 {part} 个词，请减少，或用引号写成短语。",
        "no_day": "{part}：不是日期，请写成 2026-01-31。",
        "no_days": "{part} 之间没有日期，前一个必须更早。",
        "nobody": "from:{part}：没有这个名字或标识的人。",
        "no_room": "in:{part}：没有这个名称或标识的群聊。",
    },
    no_dead_letters="没有未送达的回答。",
    dead_letters="{count} 条未送达：",
    dead_letter="- `{key}`，{platform}，收件人 {person}：{error}",
    dead_retried="正在重新发送 `{key}`。",
    dead_unknown="没有未送达的回答“{key}”。",
    demo_notice="这是一个很小的演示模型：适合初次体验，不适合工作。"
    "请用“parley models”选择正式模型。",
)
