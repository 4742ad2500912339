/// The page's style sheet. Colours are told apart by readers who see no red or green, and by their dashes; each has a
/// value for light and one for dark surroundings.
enum PageStyle {
    static let sheet = """
        :root {
          --ground: #ffffff; --panel: #f6f7f9; --text: #1b1f24; --faint: #5a6472; --grid: #d9dee5;
          --lmdb: #0b62c4; --bdb: #b8480b; --sqlite: #12795a; --memory: #7b3fb5;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #14171b; --panel: #1d2127; --text: #e8eaee; --faint: #a3adba; --grid: #363d47;
            --lmdb: #6db3ff; --bdb: #ff9f5f; --sqlite: #4fd1a1; --memory: #cf9cff;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text);
          font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
        main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 64px; }
        h1 { font-size: 1.7rem; margin: 0 0 8px; }
        h2 { font-size: 1.2rem; margin: 40px 0 4px; }
        p { margin: 4px 0 12px; max-width: 75ch; }
        .advice { font-size: 1.05rem; font-weight: 600; max-width: none; }
        .note { color: var(--faint); margin: 0; max-width: none; font-size: .9rem; }
        .figures { display: grid; gap: 20px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); }
        figure { margin: 0; padding: 14px 14px 10px; background: var(--panel); border-radius: 8px; min-width: 0; }
        figcaption { font-weight: 600; margin-bottom: 8px; }
        svg { display: block; width: 100%; height: auto; }
        .grid { stroke: var(--grid); stroke-width: 1; }
        .mark, .axis { fill: var(--faint); font-size: 12px; }
        .lmdb { --color: var(--lmdb); } .bdb { --color: var(--bdb); }
        .sqlite { --color: var(--sqlite); } .memory { --color: var(--memory); }
        .line { fill: none; stroke: var(--color); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
        .dot { fill: var(--color); }
        .line.logged { stroke-dasharray: 9 5; } .line.buffered { stroke-dasharray: 3 5; }
        .line.loop { stroke-width: 1.4; stroke-dasharray: 2 3; opacity: .85; }
        .dot.loop, .dot.buffered { fill: var(--panel); stroke: var(--color); stroke-width: 1.6; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 6px 0 0; padding: 0;
          font-size: .85rem; color: var(--faint); }
        .legend li { display: flex; align-items: center; gap: 6px; }
        .key { width: 28px; height: 8px; flex: none; }
        .bars { display: grid; gap: 6px; font-size: .9rem; }
        .bar { display: grid; grid-template-columns: 8.5em 1fr 5em; gap: 8px; align-items: center; }
        .track { background: var(--grid); border-radius: 3px; height: 14px; }
        .fill { display: block; height: 100%; border-radius: 3px; background: var(--color); }
        .fill.loop { opacity: .5; }
        .figure { text-align: right; font-variant-numeric: tabular-nums; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; width: 100%; }
        th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid); }
        th { color: var(--faint); font-weight: 600; }
        th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
        tbody tr:hover { background: var(--panel); }
        @media print { figure { break-inside: avoid; } }
        """
}
