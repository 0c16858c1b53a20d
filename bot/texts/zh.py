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
        "admin": ("dead [retry KEY]", "未能送达的回答"),
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
    no_dead_letters="没有未送达的回答。",
    dead_letters="{count} 条未送达：",
    dead_letter="- `{key}`，{platform}，收件人 {person}：{error}",
    dead_retried="正在重新发送 `{key}`。",
    dead_unknown="没有未送达的回答“{key}”。",
    demo_notice="这是一个很小的演示模型：适合初次体验，不适合工作。"
    "请用“parley models”选择正式模型。",
    admin_usage="用法：`admin dead` 或 `admin dead retry KEY`。",
)
