// The hover box of the panels that draw by themselves: Grafana's tooltip parts at a place in the window.
import { Portal, VizTooltipContainer, VizTooltipContent, VizTooltipHeader, type VizTooltipItem, VizTooltipWrapper } from '@grafana/ui';

export interface TipAt { x: number; y: number }

export function Tip({ at, head, items, color }: { at: TipAt; head: string; items: VizTooltipItem[]; color?: string }) {
  return (
    <Portal>
      <VizTooltipContainer position={at} offset={{ x: 10, y: 10 }}>
        <VizTooltipWrapper>
          <VizTooltipHeader item={{ label: '', value: head, color }} />
          {items.length > 0 && <VizTooltipContent items={items} />}
        </VizTooltipWrapper>
      </VizTooltipContainer>
    </Portal>
  );
}
