"""A mapping that a setting gives as JSON or YAML."""

from ..errors import BadInput
from ..model import Json


def read_mapping(setting: str, text: str, example: str) -> Json:
    """Return the mapping in ``text``, {} for blank. Raises BadInput that names ``setting``, with an ``example``.

    YAML's reader raises more than its own errors: ValueError for a date such as 2001-13-45, RecursionError for a
    mapping that is merged into itself.
    """
    if not text.strip():
        return {}
    import yaml

    from ..yaml_reader import read_yaml

    action, remedy = f"cannot read {setting}", f"Use a mapping in JSON or YAML, for example {example}."
    try:
        content = read_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(action, f"it is neither JSON nor YAML ({error})", remedy) from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise BadInput(action, "it is not a mapping of names to values", remedy)
    return content
