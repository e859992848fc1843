// Puts a plot that can be zoomed into in the place of each still one. Whatever fails leaves the still one there.
(() => {
  "use strict";
  const ink = "#262c34", soft = "#78808a", rule = "#e2e6eb";
  const colours = { solid: "#005faf", dashed: "#c85000", dotted: "#78808a" };
  const plots = JSON.parse(document.getElementById("plot-data").textContent);
  const number = (value) => value === null || value === undefined ? "–" : String(Number(value.toPrecision(9)));

  // Of names that would stand on each other the last one is shown.
  const crowded = (plot, i) => {
    const next = plot.steps[i + 1];
    return next !== undefined && next[0] - plot.steps[i][0] < 0.02 * (plot.to - plot.from);
  };

  // Neighbours that are shown stand at two heights.
  const height = (plot, i) => plot.steps.slice(0, i).filter((_, j) => !crowded(plot, j)).length % 2 ? 2 : 13;

  const lines = (plot) => [
    ...plot.steps.map(([at, name], i) => ({
      xAxis: at, lineStyle: { color: soft, type: "solid", width: 1, opacity: 0.6 },
      label: {
        show: !crowded(plot, i), formatter: name, color: soft, position: "end", rotate: 0, fontSize: 10, distance: height(plot, i),
      },
    })),
    ...plot.alarms.map(([at, name]) => ({
      xAxis: at, lineStyle: { color: "#b3261e", type: "dashed", width: 1.5 },
      label: { formatter: name, color: "#b3261e", position: "insideEndTop", rotate: 0, fontSize: 11 },
    })),
  ];

  const option = (plot) => ({
    animation: false,
    aria: { enabled: true },
    textStyle: { color: ink },
    title: { text: plot.title, textStyle: { fontSize: 14, color: ink, fontWeight: "normal" }, left: 4, top: 2 },
    legend: plot.curves.length > 1 ? { right: 110, top: 2, icon: "path://M0,4H24V6H0Z", data: plot.curves.map((curve) => curve.name) } : undefined,
    toolbox: { right: 4, top: 0, feature: { dataZoom: { yAxisIndex: "none", title: { zoom: "zoom", back: "back" } }, restore: { title: "all" } } },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "cross", label: { formatter: ({ value }) => number(value) } },
      valueFormatter: number,
    },
    grid: { left: 76, right: 24, top: 62, bottom: 78 },
    xAxis: {
      type: "value", min: plot.from, max: plot.to, name: plot.x, nameLocation: "middle", nameGap: 26,
      splitLine: { lineStyle: { color: rule } },
      axisLabel: { formatter: number, showMaxLabel: false, showMinLabel: true, hideOverlap: true },
    },
    yAxis: {
      type: "value", scale: true, name: plot.y, nameLocation: "middle", nameGap: 52,
      axisLabel: { formatter: number },
      splitLine: { lineStyle: { color: rule } },
    },
    dataZoom: [
      { type: "inside", filterMode: "none" },
      { type: "slider", filterMode: "none", height: 20, bottom: 8, labelFormatter: (value) => number(value) },
    ],
    series: plot.curves.map((curve, i) => ({
      name: curve.name, type: "line", data: curve.points, showSymbol: false, sampling: "lttb", connectNulls: false,
      color: colours[curve.stroke],
      lineStyle: { type: curve.stroke, width: 1.8, color: colours[curve.stroke] },
      markLine: i > 0 ? undefined : { silent: true, symbol: "none", data: lines(plot) },
      markArea: i > 0 ? undefined : {
        silent: true, itemStyle: { color: "rgba(214,168,32,0.28)" },
        data: plot.gaps.map(([from, to]) => [{ xAxis: from }, { xAxis: to }]),
      },
    })),
  });

  // Where there is no room beside the title, the legend stands below it.
  const legend = (right, top) => ({ legend: { right, top } });
  const fitted = (plot) => plot.curves.length < 2 ? option(plot) : {
    baseOption: option(plot),
    media: [{ option: legend(110, 2) }, { query: { maxWidth: 620 }, option: legend(8, 26) }],
  };

  const show = (card, plot) => {
    const live = document.createElement("div");
    live.className = plot.small ? "live small" : "live";
    card.prepend(live);
    try {
      const chart = echarts.init(live, null, { renderer: "canvas" });
      chart.setOption(fitted(plot));
      if (plot.shared) {
        chart.group = "run";
        echarts.connect("run");
      }
      new ResizeObserver(() => chart.resize()).observe(live);
    } catch (error) {
      live.remove();
      throw error;
    }
  };

  // A plot is drawn when it comes into sight.
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((entry) => entry.isIntersecting)) {
      seen.unobserve(entry.target);
      const plot = plots.find((plot) => plot.file === entry.target.dataset.plot);
      if (plot) show(entry.target, plot);
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll("[data-plot]").forEach((card) => seen.observe(card));
})();
