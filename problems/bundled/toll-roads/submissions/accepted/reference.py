import heapq
import sys


def main():
    n, _, *numbers = map(int, sys.stdin.read().split())
    roads = [[] for _ in range(n + 1)]
    for a, b, toll in zip(numbers[::3], numbers[1::3], numbers[2::3]):
        roads[a].append((b, toll))
        roads[b].append((a, toll))
    # A state is a town and whether the voucher is spent: town for unspent, town + n + 1 for spent.
    spent = n + 1
    unknown = float("inf")
    cost = [unknown] * (2 * spent)
    cost[1] = 0
    heap = [(0, 1)]
    while heap:
        paid, state = heapq.heappop(heap)
        if paid > cost[state]:
            continue
        if state == n + spent:
            break
        layer = state - state % spent
        for town, toll in roads[state % spent]:
            if paid + toll < cost[layer + town]:
                cost[layer + town] = paid + toll
                heapq.heappush(heap, (paid + toll, layer + town))
            if not layer and paid < cost[spent + town]:
                cost[spent + town] = paid
                heapq.heappush(heap, (paid, spent + town))
    print(cost[n + spent] if cost[n + spent] < unknown else -1)


main()
