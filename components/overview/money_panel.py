"""Panel of revenue and profit over time, with the picker of its range."""

from components.shared.charts import ChartLine, LineChart, legend, save_buttons
from components.shared.theme import element, panel
from components.time_range.chart_range import ChartRange
from components.time_range.range_picker import RangePicker, span_s

MONEY_LINES = (
    ChartLine(key="revenue", name="Revenue", colour="--line-1", filled=True, has_extremes=True),
    ChartLine(key="profit", name="Profit", colour="--line-2", dash="4px,2px", has_extremes=True),
)


def money_panel(shown: ChartRange, refusal: str = "") -> None:
    """Draw revenue and profit over time; the channel `money` states them."""
    how = (
        "Each point is a rate: what the tick earned, per hour. Profit is revenue less all costs and service credits. "
        "Over long ranges a point is a mean, and the band around it reaches from the lowest to the highest tick."
    )
    with panel("Revenue and profit", "chart-panel", how) as top:
        with top:
            legend(MONEY_LINES)
        with element("div", "chart-tools") as tools:
            RangePicker(shown, refusal)
        label = "Revenue and profit, USD per hour"
        chart = LineChart("money", unit="USD/h", label=label, lines=MONEY_LINES, span_s=span_s(shown))
        with tools:
            save_buttons(chart, "Revenue and profit")
