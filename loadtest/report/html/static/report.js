(() => {
  const {data, draw, begin} = charting;
  for (const call of data.calls) {
    call.T = call.T.map(([kind, line, s, e, rs, re, ms, outcome, flags, why]) => ({
      k: data.texts[kind], l: data.texts[line], s, e, rs, re, ms, o: data.texts[outcome],
      x: Boolean(flags & 1), c: Boolean(flags & 2), v: Boolean(flags & 4), w: data.texts[why],
    }));
  }
  const byNumber = new Map(data.calls.map((call) => [call.n, call]));
  const SYMBOLS = ['circle', 'square', 'diamond', 'triangle-up', 'star', 'cross'];
  const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100];
  const MOST_ROWS = 25;

  function chosen(point) {
    const where = point.data.meta;
    if (point.customdata === null || point.customdata === undefined) return;
    if (where === 'call') openCall(point.customdata);
    if (where === 'block') showBlock(point.customdata);
  }

  // --- turns: filter, chart, table ---------------------------------------------------------------------------------

  const limit = data.limit_s;
  const turns = [];
  for (const call of data.calls) {
    for (const turn of call.T) if (turn.k === 'script') turns.push({call, turn});
  }
  const waited = (turn) => (turn.o === 'answered' && !turn.x && turn.ms !== null ? turn.ms / 1000 : limit);
  const kindOf = (turn) => (!turn.v ? 'invalid' : turn.o === 'answered' && turn.x ? 'no_reply' : turn.o);
  const words = (name) => String(name).replace(/_/g, ' ');
  const clock = (s) => (s === null ? '?' : Math.floor(s / 60) + ':' + (s % 60).toFixed(1).padStart(4, '0'));

  const form = document.getElementById('filter');

  function wanted() {
    const fields = new FormData(form);
    const arms = new Set(fields.getAll('arm').map(Number));
    const block = fields.get('block');
    const outcome = fields.get('outcome');
    return ({call, turn}) => {
      if (!arms.has(call.a) || (block !== '' && call.b !== Number(block))) return false;
      if (outcome === 'invalid') return !turn.v;
      if (!turn.v) return false;
      if (outcome === 'close') return turn.c;
      return outcome === '' || kindOf(turn) === outcome;
    };
  }

  function explore() {
    const shown = turns.filter(wanted());
    const traces = data.arms.map((name, arm) => {
      const mine = shown.filter(({call}) => call.a === arm);
      const inTime = ({turn}) => waited(turn) < limit;
      return {
        type: 'scatter', mode: 'markers', name, meta: 'call',
        x: mine.map(({call, turn}) => call.t + (turn.e || 0) / 60),
        y: mine.map(({turn}) => waited(turn)),
        customdata: mine.map(({call}) => call.n),
        text: mine.map(({call, turn}) => call.id + ', ' + turn.l + ': ' + words(kindOf(turn))),
        marker: {
          color: '$arm' + (arm % 6), size: mine.map((item) => (inTime(item) ? 6 : 10)),
          symbol: mine.map((item) => (inTime(item) ? SYMBOLS[arm % 6] : 'x')), opacity: 0.85, line: {width: 0},
        },
        hovertemplate: '%{y:.2f} s<br>%{text}<extra>%{fullData.name}</extra>',
      };
    });
    const element = document.getElementById('explore-chart');
    draw(element, traces, {
      xaxis: {title: {text: 'minutes since the start of dialling'}},
      yaxis: {title: {text: 'reply latency, s (logarithmic)'}, type: 'log', tickvals: TICKS, ticktext: TICKS.map(String)},
    });
    const ranked = shown.slice().sort((a, b) => waited(b.turn) - waited(a.turn));
    const unanswered = shown.filter(({turn}) => waited(turn) >= limit).length;
    const told = shown.length + ' of ' + turns.length + ' script turns shown, ' + unanswered + ' of them not answered within '
      + limit + ' s (crosses).' + (data.thinned ? ' ' + data.thinned : '')
      + (ranked.length > MOST_ROWS ? ' The table has the ' + MOST_ROWS + ' worst.' : '');
    document.getElementById('explored').textContent = told;
    const body = document.querySelector('#explore-table tbody');
    body.replaceChildren(...ranked.slice(0, MOST_ROWS).map(row));
  }

  function row({call, turn}) {
    const tr = document.createElement('tr');
    const open = make('button', call.id);
    open.type = 'button';
    open.className = 'open';
    open.dataset.call = call.n;
    const answered = waited(turn) < limit;
    const cells = [
      open, data.arms[call.a] || '', call.b === null ? '–' : String(call.b), turn.l,
      answered ? waited(turn).toFixed(2) + ' s' : '> ' + limit + ' s',
      words(kindOf(turn)) + (turn.c ? ', in a close' : '') + (turn.w ? ' (' + turn.w + ')' : ''),
    ];
    for (const cell of cells) {
      const td = document.createElement('td');
      td.append(cell);
      tr.append(td);
    }
    return tr;
  }

  function showBlock(block) {
    form.elements.block.value = String(block);
    explore();
    document.getElementById('explore').scrollIntoView();
    form.elements.block.focus({preventScroll: true});
  }

  // --- one call: its timeline, its sound ---------------------------------------------------------------------------

  const dialog = document.getElementById('call');
  const audio = document.getElementById('call-audio');
  const sound = document.getElementById('call-sound');
  let head = null;
  let clipFrom = 0;

  function make(name, text) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function svg(name, attributes, text) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function openCall(number) {
    const call = byNumber.get(number);
    if (!call) return;
    document.getElementById('call-h').textContent = 'Call ' + call.id;
    const block = call.b === null ? 'in no complete block' : 'block ' + call.b;
    document.getElementById('call-facts').textContent = [
      data.arms[call.a] || 'unknown arm', block, words(call.o), call.d === null ? '' : call.d.toFixed(0) + ' s',
      data.runs.length > 1 ? data.runs[call.r].id : '', call.v ? '' : 'its greeting is invalid', call.w,
    ].filter(Boolean).join(' · ');
    if (!dialog.open) dialog.showModal();
    timeline(call);
    list(call);
    listen(call);
    document.getElementById('call-h').focus();
  }

  function timeline(call) {
    const box = document.getElementById('call-line');
    const length = Math.max(1, call.d || 0, ...call.T.map((turn) => turn.re || turn.e || 0));
    const left = 74;
    const width = Math.max(box.clientWidth - 4, left + length * 9);
    const x = (s) => left + ((width - left - 10) * Math.max(0, Math.min(length, s))) / length;
    const picture = svg('svg', {class: 'tl', width, height: 150, role: 'img', 'aria-label': 'Timeline; the list below says the same'});
    for (let s = 0; s <= length; s += length > 240 ? 30 : 10) {
      picture.append(svg('line', {class: 'axis', x1: x(s), x2: x(s), y1: 6, y2: 124}));
      picture.append(svg('text', {x: x(s), y: 142, 'text-anchor': 'middle'}, s + ' s'));
    }
    for (const gap of call.G) {
      if (gap.s === null) continue;
      const to = gap.e === null ? length : gap.e;
      picture.append(svg('rect', {class: gap.x ? 'gap lost' : 'gap', x: x(gap.s), y: 6, width: Math.max(2, x(to) - x(gap.s)), height: 118}));
      picture.append(svg('text', {x: x(gap.s) + 4, y: 18}, (to - gap.s).toFixed(1) + ' s, ' + gap.c));
    }
    [['callee', 40], ['agent', 74], ['connection', 108]].forEach(([name, y]) => picture.append(svg('text', {x: 0, y: y + 4}, name)));
    const span = (kind, y, from, to) => {
      if (from === null || to === null) return;
      picture.append(svg('rect', {class: kind, x: x(from), y, width: Math.max(1.5, x(to) - x(from)), height: 18, rx: 2}));
    };
    for (const turn of call.T) span('callee', 30, turn.s, turn.e);
    const heard = call.H || call.T.map((turn) => [turn.rs, turn.re]);
    for (const [from, to] of heard) span('agent', 64, from, to);
    for (const [from, to] of call.L) {
      if (from !== null && to !== null) picture.append(svg('line', {class: 'link', x1: x(from), x2: x(to), y1: 108, y2: 108}));
    }
    if (!call.L.length) picture.append(svg('text', {x: left, y: 112}, 'not known: the agent carried no probe, and no log was read'));
    for (const close of call.C) {
      if (close.t === null) continue;
      const at = x(close.t);
      picture.append(svg('path', {class: 'cross', d: 'M' + (at - 6) + ' 102l12 12m0 -12l-12 12', fill: 'none'}));
    }
    head = svg('line', {class: 'head', x1: left, x2: left, y1: 6, y2: 124, visibility: 'hidden'});
    head.place = (s) => { head.setAttribute('visibility', 'visible'); head.setAttribute('x1', x(s)); head.setAttribute('x2', x(s)); };
    picture.append(head);
    picture.addEventListener('click', (event) => {
      const at = ((event.clientX - picture.getBoundingClientRect().left - left) / (width - left - 10)) * length;
      if (audio.hidden || at < clipFrom) return;
      audio.currentTime = at - clipFrom;
      audio.play().catch(() => {});
    });
    box.replaceChildren(picture);
    const first = call.G.find((gap) => gap.s !== null);
    box.scrollLeft = first ? Math.max(0, x(first.s) - 120) : 0;
  }

  function list(call) {
    const events = [];
    if (call.g !== null) events.push([call.g, 'the agent greets']);
    for (const turn of call.T) {
      const reply = turn.rs === null ? words(kindOf(turn)) : 'reply after ' + (turn.ms / 1000).toFixed(2) + ' s';
      const bad = turn.v ? '' : ' (invalid: ' + turn.w + ')';
      events.push([turn.s, 'callee (' + words(turn.k) + '): ' + turn.l + '; ' + reply + bad]);
    }
    for (const gap of call.G) {
      events.push([gap.s, 'silence of ' + (gap.e === null ? '?' : (gap.e - gap.s).toFixed(1)) + ' s: ' + gap.c + (gap.x ? ', turn lost' : '')]);
    }
    for (const close of call.C) events.push([close.t, 'connection closed' + (close.p ? ' (' + words(close.p) + ')' : '') + ': ' + close.x]);
    events.sort((a, b) => (a[0] === null) - (b[0] === null) || a[0] - b[0]);
    document.getElementById('call-list').replaceChildren(...events.map(([t, text]) => make('li', clock(t) + ' ' + text)));
  }

  function listen(call) {
    const clip = document.querySelector('audio[data-clip="' + call.n + '"]');
    const run = data.runs[call.r];
    const served = location.protocol.startsWith('http');
    const beside = run.beside === null ? null : run.beside + 'calls/' + encodeURIComponent(call.id) + '/audio.flac';
    const whole = served ? 'audio/' + call.r + '/' + encodeURIComponent(call.id) + '.flac' : beside;
    const embedded = () => {
      if (!clip) {
        audio.hidden = true;
        sound.textContent = call.rec
          ? 'This page does not carry this recording: `loadtest report RUN --serve` plays it.'
          : 'No recording of this call was kept.';
        return;
      }
      clipFrom = Number(clip.dataset.from);
      audio.src = clip.src;
      sound.textContent = clipFrom > 0 ? 'From second ' + clipFrom.toFixed(0) + ' of the call, as carried by this page.' : '';
    };
    audio.hidden = false;
    sound.textContent = '';
    clipFrom = 0;
    audio.onerror = null;
    if (call.rec && whole !== null) {
      audio.onerror = () => { audio.onerror = null; embedded(); };
      audio.preload = 'metadata';
      audio.src = whole;
    } else {
      embedded();
    }
  }

  audio.addEventListener('timeupdate', () => { if (head) head.place(audio.currentTime + clipFrom); });
  dialog.addEventListener('close', () => { audio.pause(); audio.onerror = null; audio.removeAttribute('src'); audio.load(); });
  document.getElementById('call-close').addEventListener('click', () => dialog.close());
  document.addEventListener('click', (event) => {
    const open = event.target.closest('button[data-call]');
    if (open) openCall(Number(open.dataset.call));
  });

  if (form) {
    form.addEventListener('change', explore);
    form.addEventListener('reset', () => setTimeout(explore));
    form.addEventListener('submit', (event) => event.preventDefault());
  }
  begin(chosen, {'explore-chart': explore});
})();
