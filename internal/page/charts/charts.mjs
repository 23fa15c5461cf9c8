// What of Apache ECharts the pages draw with: nothing else gets into assets/echarts.js.
import {BarChart, CustomChart, LineChart} from 'echarts/charts';
import {GridComponent, MarkAreaComponent, TooltipComponent} from 'echarts/components';
import {init, use} from 'echarts/core';
import {SVGRenderer} from 'echarts/renderers';

use([BarChart, CustomChart, LineChart, GridComponent, MarkAreaComponent, TooltipComponent, SVGRenderer]);

export {init};
