"""What a report can show beside HTML text: figures, tables, and whatever a notebook would show as HTML.

The page needs nothing from elsewhere: a matplotlib figure is drawn into it, and a plotly figure brings its
script along.
"""

import base64
import io
from typing import Any


def html_of(content: object) -> str:
    """The HTML that stands for `content`. Raises TypeError for what has none."""
    if isinstance(content, str):
        return content
    value: Any = content
    if callable(getattr(value, "savefig", None)):  # a matplotlib figure
        return _drawn(value)
    if type(value).__module__.partition(".")[0] == "plotly":
        return str(value.to_html(full_html=False, include_plotlyjs=True))
    if callable(getattr(value, "_repr_html_", None)) and isinstance(html := value._repr_html_(), str):
        return html
    raise TypeError(
        f"a report is made of HTML text, not {type(content).__name__}: give a str, a figure, "
        "or what has a _repr_html_"
    )


def _drawn(figure: Any) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}">'
