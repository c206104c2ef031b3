"""Every setting, declared once, and the forms made of them."""
