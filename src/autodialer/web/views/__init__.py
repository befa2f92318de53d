"""Views, a module for each subject: read input, call one service, ask one query, render."""
