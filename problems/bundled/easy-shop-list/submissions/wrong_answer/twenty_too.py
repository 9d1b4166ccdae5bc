for _ in range(int(input())):
    name, p = input().split()
    if int(p) <= 20:
        print(name)
