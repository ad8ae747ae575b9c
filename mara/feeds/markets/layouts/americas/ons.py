"""ONS, Brazil: half-hourly marginal cost of operation of the four subsystems.

Header: `id_subsistema;nom_subsistema;din_instante;val_cmo`. Stamps name the beginning of the half-hour in Brasilia
time; codes of subsystems are padded (`SE `).
"""

from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Known, Layout, Quantity, Repeat, StampClock, Value

ZONE: Final = "America/Sao_Paulo"

LAYOUTS: Final = (
    Layout(
        id="ons-cmo",
        publisher="ONS",
        report="CMO_SEMIHORARIO",
        quantity=Quantity.PRICE,
        form=Form(
            delimiters=";,",
            decimal="?",
        ),
        stamp=Instant(column="din_instante", formats=("iso",)),
        # clocks changed until 2019, and the hour is told by the order of the rows
        clock=StampClock(zone=ZONE, repeat=Repeat.ORDER),
        values=(
            Value(
                field="price",
                column="val_cmo",
                unit="BRL/MWh",
            ),
        ),
        point=("id_subsistema", "nom_subsistema"),
        currency="BRL",
        steps_minutes=(30, 60),
        day_zones=(ZONE,),
        known=Known.DAY_AHEAD,
        licence="ONS, dados abertos: CC BY 4.0",
    ),
)
