"""What people use: a browser's side of the page without a browser, and the bot as a process."""
