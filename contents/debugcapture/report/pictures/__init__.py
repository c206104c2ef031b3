"""Draws the pictures of the report page: SVG and HTML, without scripts. Each picture is also readable as text. Pure.

`Markup.format` escapes each value that is not markup itself. Widths are percentages, so that a picture fits each screen
without shrinking its text.
"""
