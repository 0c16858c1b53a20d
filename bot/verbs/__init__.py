"""What `parley …` does, a module for each verb; `bot.cli` names them."""
