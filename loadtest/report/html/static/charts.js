'use strict';
/* What every page of charts has: colours that follow light, dark and paper; charts that are drawn once they are seen. */
const charting = (() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById('data').textContent);
  const drawn = new Map();
  const charts = new Map(data.charts.map((chart) => [chart.key, chart]));
  const CONFIG = {displayModeBar: false, responsive: true, doubleClick: 'reset'};
  let chosen = () => {};

  // --- colours, and texts that Plotly would read as markup ---------------------------------------------------------

  const token = (name) => getComputedStyle(root).getPropertyValue('--' + name).trim();

  function painted(value, key) {
    if (typeof value === 'string') {
      if (/^\$[a-z0-9]+$/.test(value) && /color$/.test(key)) return token(value.slice(1));
      if (key === 'hovertemplate') return value;
      return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, key));
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, painted(item, name)]));
    }
    return value;
  }

  function layoutOf(own) {
    const axis = {
      gridcolor: '$grid', linecolor: '$line', zeroline: false, automargin: true, color: '$ink',
    };
    const merged = {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      font: {color: '$ink', family: getComputedStyle(document.body).fontFamily, size: 13},
      margin: {l: 50, r: 15, t: 10, b: 45}, hovermode: 'closest', dragmode: 'zoom', showlegend: true,
      hoverlabel: {bgcolor: '$card', font: {color: '$ink'}},
      ...own,
      legend: {orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', ...(own.legend || {})},
    };
    for (const name of ['xaxis', 'yaxis', ...Object.keys(own).filter((key) => /^[xy]axis\d/.test(key))]) {
      const mine = own[name] || {};
      merged[name] = {...axis, ...mine};
    }
    return painted(merged, '');
  }

  function draw(element, traces, layout) {
    drawn.set(element, {traces, layout});
    Plotly.react(element, painted(traces, ''), layoutOf(layout), CONFIG);
    if (!element.dataset.wired) {
      element.dataset.wired = 'yes';
      element.on('plotly_click', (event) => chosen(event.points[0]));
    }
  }

  function drawChart(element) {
    if (drawn.has(element) || !charts.has(element.dataset.chart)) return;
    const chart = charts.get(element.dataset.chart);
    draw(element, chart.traces, chart.layout);
  }

  const redraw = () => drawn.forEach((how, element) => draw(element, how.traces, how.layout));

  // --- when --------------------------------------------------------------------------------------------------------

  // onChosen: told the point that was clicked. others: by id, how charts are drawn that are not in the data.
  function begin(onChosen, others) {
    chosen = onChosen;
    const elements = [...document.querySelectorAll('.chart')];
    const render = (element) => (others[element.id] ? (drawn.has(element) || others[element.id]()) : drawChart(element));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        render(entry.target);
      }
    }, {rootMargin: '500px'});
    elements.forEach((element) => seen.observe(element));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    let closed = [];
    addEventListener('beforeprint', () => {
      root.classList.add('paper');
      elements.forEach(render);
      redraw();
      closed = [...document.querySelectorAll('details:not([open])')];
      closed.forEach((details) => { details.open = true; });
    });
    addEventListener('afterprint', () => {
      root.classList.remove('paper');
      closed.forEach((details) => { details.open = false; });
      redraw();
    });
  }

  return {data, draw, drawn, begin};
})();
