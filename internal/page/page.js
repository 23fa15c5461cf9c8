// Draws the charts of a page from what stands in it as JSON. Colours are the style sheet's,
// by name, so that charts follow day, night and print by themselves.
(() => {
  'use strict';
  const all = JSON.parse(document.getElementById('drawings').textContent);
  const colour = name => `var(--${name})`;
  const family = getComputedStyle(document.body).fontFamily;
  const font = {color: colour('quiet'), fontSize: 11, fontFamily: family};
  const symbols = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect'];
  const dashes = ['solid', [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3]];
  const perSeries = 15; // pixels that a bar has, lying

  // number writes a value as the page's own text does.
  const number = v => {
    if (v === null || v === undefined) return '-';
    const size = Math.abs(v);
    const digits = size > 0 && size < 100 && !Number.isInteger(v) ? Math.min(6, 2 - Math.floor(Math.log10(size))) : 0;
    return v.toLocaleString('en', {maximumFractionDigits: digits});
  };
  // tick writes a value at an axis.
  const tick = v => {
    const size = Math.abs(v);
    if (size >= 1e6) return number(v / 1e6) + 'M';
    return size >= 1e4 ? number(v / 1e3) + 'k' : number(+v.toPrecision(6));
  };

  // tip lays out a tooltip. Names are text, whatever is in them.
  const tip = (title, rows) => {
    const box = document.createElement('div');
    box.className = 'tip';
    const head = box.appendChild(document.createElement('div'));
    head.textContent = title;
    for (const [name, hue, value] of rows) {
      const row = box.appendChild(document.createElement('div'));
      const swatch = row.appendChild(document.createElement('span'));
      swatch.className = `swatch ${hue}`;
      row.append(name);
      row.appendChild(document.createElement('b')).textContent = value;
    }
    return box;
  };
  const tooltip = (trigger, formatter) => ({
    trigger, formatter, confine: true, transitionDuration: 0, padding: [6, 10],
    axisPointer: {type: trigger === 'axis' ? 'line' : 'none', lineStyle: {color: colour('c1'), type: 'solid'}, z: 0},
    backgroundColor: colour('page'), borderColor: colour('line'), textStyle: {...font, color: colour('text'), fontSize: 12},
  });
  const least = values => values.reduce((a, b) => Math.min(a, b));
  const most = values => values.reduce((a, b) => Math.max(a, b));
  // whole keeps an axis of counts from having ticks between them.
  const whole = values => values.every(v => v === null || Number.isInteger(v)) ? {minInterval: 1} : {};
  const lines = {axisLine: {lineStyle: {color: colour('c1')}}, axisTick: {show: false}, splitLine: {lineStyle: {color: colour('line')}}, minorSplitLine: {show: false}};
  const still = {silent: true, animation: false, tooltip: {show: false}};

  const kinds = {
    bars(d, width) {
      const lying = !d.upright;
      const gap = '25%', between = '35%';
      const count = d.stacked ? 1 : d.series.length;
      const labels = lying ? Math.min(170, Math.round(width * 0.34)) : undefined;
      const category = {
        type: 'category', data: d.categories, inverse: lying, ...lines, splitLine: {show: false},
        axisLabel: {...font, ...(lying && {width: labels, overflow: 'break', lineHeight: 14, color: colour('text')}), hideOverlap: true},
      };
      const value = {type: 'value', name: '', ...lines, axisLine: {show: false}, splitNumber: lying ? (width < 500 ? 3 : 5) : 3, ...(d.unit === '%' && d.series.every(s => s.values.every(v => (v.max ?? 0) <= 100)) && {max: 100, interval: 25}), ...whole(d.series.flatMap(s => s.values.map(v => v.value))), axisLabel: {...font, formatter: tick, hideOverlap: true}};
      const series = [];
      d.series.forEach((s, j) => {
        series.push({
          type: 'bar', name: s.name, stack: d.stacked ? 'all' : undefined, data: s.values.map(v => d.stacked && !v.value ? null : v.value), barGap: gap, barCategoryGap: between,
          barMaxWidth: lying ? 18 : 48, itemStyle: {color: colour(s.colour), borderRadius: d.stacked ? 0 : (lying ? [0, 2, 2, 0] : [2, 2, 0, 0])}, emphasis: {disabled: true},
        });
        if (d.stacked) return;
        // Over the bar, how far it varied; behind it, the value.
        series.push({
          ...still, type: 'custom', name: s.name, z: 5, data: s.values.map((v, i) => [i, v.min ?? v.value, v.max ?? v.value]).filter((_, i) => s.values[i].value !== null),
          encode: lying ? {y: 0, x: [1, 2]} : {x: 0, y: [1, 2]},
          renderItem(_, api) {
            const i = api.value(0);
            const {offsetCenter: offset, width: thickness} = api.barLayout({count, barGap: gap, barCategoryGap: between, barMaxWidth: lying ? 18 : 48})[j];
            const at = v => api.coord(lying ? [v, i] : [i, v]);
            const [low, high] = [at(api.value(1)), at(api.value(2))];
            const end = at(Math.max(s.values[i].value, api.value(2)));
            const stroke = {stroke: colour('text'), lineWidth: 1, fill: 'none'};
            const line = (x1, y1, x2, y2) => ({type: 'line', shape: {x1, y1, x2, y2}, style: stroke});
            const parts = [];
            if (lying) {
              const y = low[1] + offset;
              if (s.values[i].span) parts.push(line(low[0], y, high[0], y), line(low[0], y - 3, low[0], y + 3), line(high[0], y - 3, high[0], y + 3));
              parts.push({type: 'text', style: {text: s.values[i].text, x: end[0] + 5, y, fill: colour('text'), fontSize: 11, fontFamily: family, textVerticalAlign: 'middle'}});
            } else {
              const x = low[0] + offset;
              if (s.values[i].span) parts.push(line(x, low[1], x, high[1]), line(x - 3, low[1], x + 3, low[1]), line(x - 3, high[1], x + 3, high[1]));
              const fits = count === 1 || s.values[i].text.length * 6 <= thickness * 1.25;
              if (s.values[i].value !== 0 && fits) parts.push({type: 'text', style: {text: s.values[i].text, x, y: end[1] - 4, fill: colour('text'), fontSize: 11, fontFamily: family, textAlign: 'center', textVerticalAlign: 'bottom'}});
            }
            return {type: 'group', children: parts};
          },
        });
      });
      return {
        height: lying ? 34 + d.categories.length * (count * perSeries * 1.5 + 14) : 210,
        option: {
          grid: lying ? {left: labels + 12, right: 52, top: 4, bottom: 26, outerBoundsMode: 'none'} : {left: 40, right: 8, top: 22, bottom: 26, outerBoundsMode: 'none'},
          xAxis: lying ? value : category, yAxis: lying ? category : value, series,
          tooltip: tooltip('axis', list => {
            const i = list[0].dataIndex;
            return tip(d.categories[i], d.series.map(s => [s.name, s.colour, s.values[i].text + (d.unit && s.values[i].value !== null ? ' ' + d.unit : '') + (s.values[i].span ? ` (${s.values[i].span})` : '')]));
          }),
        },
      };
    },

    lines(d, width) {
      const rows = d.events.length, top = 14 + rows * 12;
      const axis = (a, values, extent) => ({
        type: a.log ? 'log' : 'value', min: a.from ?? extent[0], max: a.to ?? extent[1], ...lines,
        ...(!a.log && whole(values)), ...(a.to !== null && {interval: Math.max((a.to - a.from) / (d.small ? 2 : 4), whole(values).minInterval ?? 0)}),
        axisLabel: {...font, formatter: tick, hideOverlap: true, showMinLabel: true, showMaxLabel: true},
      });
      const xs = d.series.flatMap(s => s.points.map(p => p[0])).concat(d.events.flatMap(e => e.at), d.windows.flatMap(w => [w.from, w.to]));
      const series = d.series.map((s, j) => ({
        type: 'line', name: s.name, data: s.points, step: d.step ? 'end' : false, clip: true,
        symbol: d.step || s.points.length > 40 ? 'none' : symbols[j % symbols.length], symbolSize: 7, showAllSymbol: true,
        lineStyle: {color: colour(s.colour), width: s.colour === 'own' ? 2.5 : 1.75, type: s.colour === 'own' ? 'solid' : dashes[j % dashes.length]},
        itemStyle: {color: colour(s.colour)}, emphasis: {disabled: true}, z: s.colour === 'own' ? 4 : 3,
        ...(j === 0 && d.windows.length > 0 && {markArea: {silent: true, animation: false, itemStyle: {color: colour('shade')}, label: {show: false}, data: d.windows.map(w => [{xAxis: w.from}, {xAxis: w.to}])}}),
      }));
      d.events.forEach((e, j) => series.push({
        ...still, type: 'custom', name: e.name, clip: false, data: e.at.map(at => [at, 0]), encode: {x: 0},
        renderItem: (params, api) => ({
          type: 'rect', style: {fill: colour(e.colour)},
          shape: {x: api.coord([api.value(0), 0])[0] - 0.75, y: params.coordSys.y - 6 - 12 * (rows - j), width: 1.5, height: 9},
        }),
      }));
      const name = {nameLocation: 'end', nameTruncate: {maxWidth: width - 60}};
      return {
        height: (d.small ? 130 : 270) + rows * 12,
        option: {
          grid: {left: 46, right: 16, top: d.small ? top : top + 14, bottom: d.small ? 22 : 40, outerBoundsMode: 'none'},
          xAxis: {...axis(d.x, xs, [least(xs), most(xs)]), splitLine: {show: false}, splitNumber: width < 420 ? 3 : 6, ...(!d.small && {name: d.x.label, nameLocation: 'middle', nameGap: 24, nameTruncate: {maxWidth: width - 60}, nameTextStyle: {...font}})},
          yAxis: {...axis(d.y, d.series.flatMap(s => s.points.map(p => p[1])), []), splitNumber: d.small ? 2 : 4, ...(!d.small && {...name, name: d.y.label, nameGap: 10, nameTextStyle: {...font, align: 'left', padding: [0, 0, rows * 12, -40]}})},
          series,
          tooltip: tooltip('axis', list => {
            const x = list[0].axisValue;
            const shown = list.filter(p => p.seriesType === 'line').map(p => [p.seriesName, d.series[p.seriesIndex].colour, number(p.value[1])]);
            return tip(d.x.label + ': ' + number(x), shown);
          }),
        },
      };
    },

    heatmap(d, width) {
      const count = d.values.length;
      const columns = Math.max(1, Math.ceil(Math.sqrt(count * 2)));
      const size = width / columns, rows = Math.ceil(count / columns);
      const space = size > 6 ? 1 : size > 3 ? 0.5 : 0;
      return {
        height: Math.ceil(rows * size),
        option: {
          grid: {left: 0, right: 0, top: 0, bottom: 0, outerBoundsMode: 'none'},
          xAxis: {type: 'value', show: false, min: 0, max: columns}, yAxis: {type: 'value', show: false, min: 0, max: rows, inverse: true},
          series: [{
            type: 'custom', animation: false, data: d.values.map((v, i) => [i % columns, Math.floor(i / columns), v]), encode: {x: 0, y: 1, tooltip: 2}, progressive: 0,
            renderItem: (params, api) => ({
              type: 'rect', style: {fill: d.steps[params.dataIndex] < 0 ? colour('line') : colour('h' + d.steps[params.dataIndex])},
              shape: {x: (params.dataIndex % columns) * size, y: Math.floor(params.dataIndex / columns) * size, width: size - space, height: size - space},
            }),
          }],
          tooltip: tooltip('item', p => tip(`${d.each} ${p.dataIndex + 1}: ${number(d.values[p.dataIndex])}${d.unit && ' ' + d.unit}`, [])),
        },
      };
    },
  };

  // draw draws a chart as wide as its place, or as wide as it is told to.
  const drawn = [];
  const draw = (one, width) => {
    if (width < 1 || width === one.width) return;
    one.width = width;
    const {height, option} = kinds[one.drawing.kind](one.drawing, width);
    one.box.style.height = height + 'px';
    one.chart ??= charts.init(one.box, null, {renderer: 'svg', width, height});
    one.chart.resize({width, height, silent: true});
    one.chart.setOption({animation: false, backgroundColor: 'transparent', darkMode: false, textStyle: {fontFamily: family}, ...option}, true);
    one.chart.getZr().flush();
    // What has a view box can be scaled by the style sheet, in print.
    one.box.querySelector('svg').setAttribute('viewBox', `0 0 ${width} ${height}`);
  };
  for (const box of document.querySelectorAll('.chart')) {
    const one = {box, drawing: all[box.dataset.drawing]};
    drawn.push(one);
    draw(one, box.clientWidth);
  }
  let printing = false;
  const resized = new ResizeObserver(entries => {
    if (printing) return;
    for (const entry of entries) draw(drawn.find(one => one.box === entry.target), Math.floor(entry.contentRect.width));
  });
  for (const one of drawn) resized.observe(one.box);
  // Paper is about as wide as this, in pixels, whatever the screen's width.
  const paper = 680;
  addEventListener('beforeprint', () => {
    printing = true;
    for (const one of drawn) {
      const figure = one.box.closest('figure');
      const panels = figure.querySelectorAll('.panel').length;
      draw(one, figure.classList.contains('wide') && panels === 1 ? paper : paper / 2 - 12);
    }
  });
  addEventListener('afterprint', () => {
    printing = false;
    for (const one of drawn) draw(one, one.box.clientWidth);
  });
})();
