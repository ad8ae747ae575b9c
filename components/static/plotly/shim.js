// Stands in the import map for NiceGUI's full plotly bundle: the basic one knows lines, bars and pies, at a third of the size.
import "./plotly-basic-3.7.0.min.js";
export const Plotly = globalThis.Plotly;
